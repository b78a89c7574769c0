/* How large people are and how alike, as engine/tracking/oks.py. Called from
   engine/tracking/compiled.py.

   Exponentials are left to NumPy, whose own have other roundings than the C library's: a first
   function fills in their arguments, a second one reads the results. */

#include "people.h"

double sum_of(const double *values, long long count) {
    double part[8], sum = 0;
    long long i = 0;
    if (count > 128) {
        long long half = count / 2;
        half -= half % 8;
        return sum_of(values, half) + sum_of(values + half, count - half);
    }
    if (count >= 8) {
        memcpy(part, values, sizeof part);
        for (i = 8; i + 8 <= count; i += 8)
            for (int j = 0; j < 8; j++) part[j] += values[i + j];
        sum = ((part[0] + part[1]) + (part[2] + part[3])) +
              ((part[4] + part[5]) + (part[6] + part[7]));
    }
    for (; i < count; i++) sum += values[i];
    return sum;
}

double median_of(const double *values, long long count, long long step, double *sorted) {
    long long known = 0;
    for (long long i = 0; i < count; i++) {
        double value = values[i * step];
        if (isnan(value)) continue;
        long long place = known++;
        for (; place && sorted[place - 1] > value; place--) sorted[place] = sorted[place - 1];
        sorted[place] = value;
    }
    return known ? (sorted[(known - 1) / 2] + sorted[known / 2]) / 2 : 0;
}

double size_of(const double *xy, long long joints, int single, double narrowest) {
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY}, side[2];
    for (const double *end = xy + 2 * joints; xy < end; xy += 2) {
        if (isnan(xy[0]) || isnan(xy[1])) continue;
        for (int axis = 0; axis < 2; axis++) {
            low[axis] = smaller_of(low[axis], xy[axis]);
            high[axis] = larger_of(high[axis], xy[axis]);
        }
    }
    for (int axis = 0; axis < 2; axis++) {
        side[axis] = high[axis] >= low[axis] ? high[axis] - low[axis] : 0;
        if (single) side[axis] = (float)side[axis];
    }
    double longer = larger_of(side[0], side[1]);
    return sqrt(longer * larger_of(smaller_of(side[0], side[1]), longer * narrowest));
}

double exponents_of(const double *a, const double *b, const long long *order, long long joints,
                    const double *sigmas, double size, const double *moved, double *exponents) {
    const double scale = larger_of(size, 1) * 2;
    double common = 0;
    for (long long k = 0; k < joints; k++) {
        const double *from = a + 2 * (order ? order[k] : k);
        double x = (from[0] - b[2 * k]) - moved[0], y = (from[1] - b[2 * k + 1]) - moved[1];
        double spread = scale * sigmas[k], away = x * x + y * y;
        exponents[k] = isnan(away) ? -INFINITY : -away / (2 * (spread * spread));
        common += !isnan(away);
    }
    return common;
}

/* xy: (people, joints, 2), of single precision before or not; size: (people,). */
EXPORTED void posestream_sizes(long long people, long long joints, const double *xy, int single,
                               double narrowest, double *size) {
    for (long long i = 0; i < people; i++)
        size[i] = size_of(xy + 2 * joints * i, joints, single, narrowest);
}

/* Arguments of the exponentials whose mean over the common joints is the similarity.

   a: (p, joints, 2); b: (q, joints, 2); sigmas: (joints,); size: (p, q); moved: (p, q, 2) or NULL.
   exponents: (p, q, joints), minus infinity where a joint is missing; common: (p, q) how many are
   not. */
EXPORTED void posestream_apart(long long p, long long q, long long joints, const double *a,
                               const double *b, const double *sigmas, const double *size,
                               const double *moved, double *exponents, double *common) {
    static const double nowhere[2] = {0, 0};
    for (long long i = 0; i < p; i++)
        for (long long j = 0; j < q; j++, exponents += joints)
            *common++ = exponents_of(a + 2 * joints * i, b + 2 * joints * j, NULL, joints, sigmas,
                                     size[i * q + j], moved ? moved + 2 * (i * q + j) : nowhere,
                                     exponents);
}

/* mean: (pairs,) of what is left where a joint is missing from (pairs, joints) numbers. */
EXPORTED void posestream_means(long long pairs, long long joints, const double *values,
                               const double *common, double *mean) {
    for (long long i = 0; i < pairs; i++)
        mean[i] = sum_of(values + joints * i, joints) / larger_of(common[i], 1);
}
