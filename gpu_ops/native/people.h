/* What loops on people share, with the roundings of NumPy; defined in bodies.c. */

#pragma once

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "exported.h"

static inline double larger_of(double a, double b) { return a > b ? a : b; }

static inline double smaller_of(double a, double b) { return a < b ? a : b; }

/* As numpy.maximum: what is no number stays so. */
static inline double maximum(double a, double b) { return a > b || isnan(a) ? a : b; }

/* As numpy.add.reduce along contiguous numbers: pairs of halves of many, eight running sums. */
double sum_of(const double *values, long long count);

/* The median of every `step`th of count numbers, those that are none left out; 0 where all are.
   sorted: (count,) to work in. */
double median_of(const double *values, long long count, long long step, double *sorted);

/* As engine.tracking.oks.body_size, of the (joints, 2) coordinates of one person.
   single: they are float32, and so is their difference. */
double size_of(const double *xy, long long joints, int single, double narrowest);

/* Fill in the arguments of exp() of the similarity of two people, minus infinity where a joint is
   missing; returns how many are not. See posestream_apart.

   order: (joints,) which joint of `a` is compared, or NULL: the same one. */
double exponents_of(const double *a, const double *b, const long long *order, long long joints,
                    const double *sigmas, double size, const double *moved, double *exponents);
