/* Which blocks of a frame's maps may hold a peak. Called from gpu_ops/cpu_compiled.py.

   Nothing is decided here: heat and tags are estimated to within a margin, and every block that
   could matter is named. */

#include "fine.h"

/* The least step from one cell to the next in `rows` lines of `length` cells. */
static inline float least_step(const float *at, long long line, int lines, long long cell,
                               int length, float sign) {
    float least = INFINITY;
    for (int i = 0; i < lines; i++, at += line)
        for (int j = 1; j < length; j++)
            least = smaller(least, sign * (at[j * cell] - at[(j - 1) * cell]));
    return least;
}

/* Whether heat surely rises across a block, so that every cell has a larger one beside it.

   Two fine cells beside one another are apart by an eighth of a mean of steps of the low map and
   a quarter of one of the high map, and rounding may take away two margins. Not at the edges. */
static int is_slope(const Maps *maps, long long plane, long long y, long long x, float margin) {
    if (x < 1 || y < 1 || x > maps->w - 2 || y > maps->h - 2) return 0;
    Plane low = low_plane(maps, plane, 0), high = high_plane(maps, plane);
    long long a = low.cell, b = high.cell, down = low.w * a, below = high.w * b;
    const float *coarse = low.at + (y - 1) * down + (x - 1) * a;
    const float *fine = high.at + (2 * y - 1) * below + (2 * x - 1) * b;
    float right = coarse[down + 2 * a] > coarse[down] ? 1 : -1;
    float most = least_step(coarse, down, 3, a, 3, right) / 8;
    if (most + least_step(fine, below, 4, b, 4, right) / 4 > 2 * margin) return 1;
    float under = coarse[2 * down + a] > coarse[a] ? 1 : -1;
    most = least_step(coarse, a, 3, down, 3, under) / 8;
    return most + least_step(fine, b, 4, below, 4, under) / 4 > 2 * margin;
}

static int has_maximum(const float *heat, long long stride, float lowest, float margin,
                       int radius) {
    for (int y = 0; y < BLOCK; y++)
        for (int x = 0; x < BLOCK; x++) {
            const float *at = heat + y * stride + x;
            float value = *at + margin, limit = value + margin;
            if (!(value >= lowest) || at[1] > limit || at[-1] > limit || at[stride] > limit ||
                at[-stride] > limit)
                continue;
            int largest = 1;
            for (int down = -radius; largest && down <= radius; down++)
                for (int right = -radius; right <= radius; right++)
                    if (at[down * stride + right] > limit) {
                        largest = 0;
                        break;
                    }
            if (largest) return 1;
        }
    return 0;
}

/* Heat of a plane where it was asked for, -INFINITY elsewhere; `radius` more cells around. */
typedef struct {
    const Maps *maps;
    long long plane, stride;
    int radius;
    float *heat;
    long long *filled, count; /* the blocks that are there */
} Sketch;

static float *corner_of(const Sketch *sketch, long long y, long long x) {
    long long row = BLOCK * y + sketch->radius, column = BLOCK * x + sketch->radius;
    return sketch->heat + row * sketch->stride + column;
}

static void fill(Sketch *sketch, long long y, long long x) {
    float *corner = corner_of(sketch, y, x), fine[BLOCK][BLOCK];
    if (*corner != -INFINITY) return;
    fine_heat(sketch->maps, sketch->plane, y, x, fine);
    for (int row = 0; row < BLOCK; row++)
        memcpy(corner + row * sketch->stride, fine[row], sizeof fine[row]);
    sketch->filled[sketch->count++] = y * sketch->maps->w + x;
}

static void fill_around(Sketch *sketch, long long y, long long x) {
    long long h = sketch->maps->h, w = sketch->maps->w;
    for (long long down = within(y - 1, h); down <= within(y + 1, h); down++)
        for (long long right = within(x - 1, w); right <= within(x + 1, w); right++)
            fill(sketch, down, right);
}

static void empty(Sketch *sketch) {
    for (; sketch->count; sketch->count--) {
        long long block = sketch->filled[sketch->count - 1], w = sketch->maps->w;
        float *corner = corner_of(sketch, block / w, block % w);
        for (int row = 0; row < BLOCK; row++)
            for (int column = 0; column < BLOCK; column++)
                corner[row * sketch->stride + column] = -INFINITY;
    }
}

/* List the blocks whose tops reach `lowest`, or may for all that is known; returns how many. */
static long long high_blocks(const float *tops, long long blocks, float lowest, float margin,
                             long long *found) {
    enum { MANY = 64 };
    long long count = 0;
    for (long long first = 0; first < blocks; first += MANY) {
        long long end = first + MANY < blocks ? first + MANY : blocks;
        if (largest_of(tops + first, end - first) + margin < lowest) continue;
        for (long long block = first; block < end; block++) {
            found[count] = block;
            count += tops[block] + margin >= lowest;
        }
    }
    return count;
}

/* The blocks that may hold a local maximum of at least `lowest`: none within `radius` exceeds it.

   heat: (BLOCK * h + 2 * radius, BLOCK * w + 2 * radius), all -INFINITY, and so again afterwards;
   active: (2, h * w); found: (planes * h * w) flat blocks. Returns how many were found. */
EXPORTED long long posestream_maxima(const Maps *maps, float lowest, float margin, int radius,
                                     float *heat, long long *active, long long *found) {
    long long w = maps->w, blocks = maps->h * w, count = 0;
    Sketch sketch = {maps, 0, BLOCK * w + 2 * radius, radius, heat, active + blocks, 0};
    for (; sketch.plane < maps->planes; sketch.plane++) {
        const float *tops = maps->tops + sketch.plane * blocks;
        long long high = high_blocks(tops, blocks, lowest, margin, active), number = 0;
        for (long long i = 0; i < high; i++) {
            long long y = active[i] / w, x = active[i] % w;
            if (is_slope(maps, sketch.plane, y, x, margin)) continue;
            fill(&sketch, y, x);
            active[number++] = active[i]; /* number <= i */
        }
        for (long long i = 0; i < number; i++) {
            long long y = active[i] / w, x = active[i] % w;
            const float *corner = corner_of(&sketch, y, x);
            if (!has_maximum(corner, sketch.stride, lowest, margin, radius)) continue;
            fill_around(&sketch, y, x);
            if (has_maximum(corner, sketch.stride, lowest, margin, radius))
                found[count++] = sketch.plane * blocks + active[i];
        }
        empty(&sketch);
    }
    return count;
}
