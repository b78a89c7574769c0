/* The network's maps, and estimates of the fine cells between theirs.

   A block is BLOCK x BLOCK fine cells, one cell of the low maps. Maps lie one after another, or
   with channels last; `cell` and `joint` say how far apart their numbers are. */

#include <float.h>
#include <math.h>
#include <string.h>

#include "exported.h"

enum { BLOCK = 4 };

static const float QUARTERS[BLOCK] = {0.625f, 0.875f, 0.125f, 0.375f}; /* of the next low cell */
static const float HALVES[BLOCK] = {0.75f, 0.25f, 0.75f, 0.25f};       /* of the next high cell */

typedef struct {
    const float *low;  /* (B, 2K, h, w): heat and tags */
    const float *high; /* (B, K, 2h, 2w) */
    float *tops;       /* (B * K, h, w) what no heat in a block exceeds, but for rounding */
    long long planes, joints, h, w;
    long long low_joint, low_cell, high_joint, high_cell; /* numbers from one to the next */
} Maps;

typedef struct {
    const float *at;
    long long h, w, cell; /* `cell` numbers from one cell to the next in a row */
} Plane;

static inline long long within(long long at, long long size) {
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

static inline const float *row_of(Plane plane, long long y) {
    return plane.at + within(y, plane.h) * plane.w * plane.cell;
}

static inline Plane low_plane(const Maps *maps, long long plane, int tags) {
    long long image = plane / maps->joints, joint = plane % maps->joints;
    const float *first = maps->low + image * 2 * maps->joints * maps->h * maps->w;
    if (tags) joint += maps->joints;
    return (Plane){first + joint * maps->low_joint, maps->h, maps->w, maps->low_cell};
}

static inline Plane high_plane(const Maps *maps, long long plane) {
    long long image = plane / maps->joints, joint = plane % maps->joints;
    const float *first = maps->high + image * 4 * maps->joints * maps->h * maps->w;
    return (Plane){first + joint * maps->high_joint, 2 * maps->h, 2 * maps->w, maps->high_cell};
}

static inline float larger(float a, float b) { return a > b ? a : b; }

static inline float smaller(float a, float b) { return a < b ? a : b; }

/* Half to even, as numpy.rint, in the default rounding mode; x >= 0. rintf is a call without
   SSE4. */
static inline float rounded(float x) {
    const float shift = 8388608.0f; /* from here on floats are whole */
    float whole = (x + shift) - shift;
    return x < shift ? whole : x;
}

/* In LANES at once: one after the other each would wait for the one before. */
enum { LANES = 16 };

static inline float largest_of(const float *values, long long count) {
    float lanes[LANES], largest = -INFINITY;
    for (int lane = 0; lane < LANES; lane++) lanes[lane] = -INFINITY;
    for (; count >= LANES; count -= LANES, values += LANES)
        for (int lane = 0; lane < LANES; lane++) lanes[lane] = larger(lanes[lane], values[lane]);
    for (int lane = 0; lane < LANES; lane++) largest = larger(largest, lanes[lane]);
    for (long long i = 0; i < count; i++) largest = larger(largest, values[i]);
    return largest;
}

static inline float smallest_of(const float *values, long long count) {
    float lanes[LANES], smallest = INFINITY;
    for (int lane = 0; lane < LANES; lane++) lanes[lane] = INFINITY;
    for (; count >= LANES; count -= LANES, values += LANES)
        for (int lane = 0; lane < LANES; lane++) lanes[lane] = smaller(lanes[lane], values[lane]);
    for (int lane = 0; lane < LANES; lane++) smallest = smaller(smallest, lanes[lane]);
    for (long long i = 0; i < count; i++) smallest = smaller(smallest, values[i]);
    return smallest;
}
