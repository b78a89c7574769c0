/* Blocks that OpenCV computes: what it reads, and what is decided by it. Read by cpu_compiled.py.

   Sums, products and roots of floats, one rounding each, as NumPy does them: the same numbers
   wherever this is compiled, as long as the compiler does not fuse them (-ffp-contract=off). */

#include "maps.h"

enum { RING = 4, SIDE = BLOCK + 2 * RING }; /* as in cpu_maps.py */

/* Put the squares around n cells side by side: (side, n, side), edges of the map repeated. */
static void gather(Plane map, long long y, long long x, int side, long long n, float *out) {
    for (int row = 0; row < side; row++) {
        const float *line = row_of(map, y + row);
        float *to = out + row * n * side;
        if (x >= 0 && x + side <= map.w)
            for (int column = 0; column < side; column++)
                to[column] = line[(x + column) * map.cell];
        else
            for (int column = 0; column < side; column++)
                to[column] = line[within(x + column, map.w) * map.cell];
    }
}

/* What the patches of n blocks are interpolated from.

   plane, block: (n,); low: (3, n, 3) heat, or with `tags` these; high: (6, n, 6), not with tags. */
EXPORTED void posestream_gather(const Maps *maps, long long n, const long long *plane,
                                const long long *block, int tags, float *low, float *high) {
    for (long long i = 0; i < n; i++) {
        long long y = block[i] / maps->w, x = block[i] % maps->w;
        gather(low_plane(maps, plane[i], tags), y - 1, x - 1, 3, n, low + 3 * i);
        if (!tags) gather(high_plane(maps, plane[i]), 2 * y - 2, 2 * x - 2, 6, n, high + 6 * i);
    }
}

/* Keep the best `most` peaks of a plane: by score, of equal ones the first. */
static void keep(int *cells, float *scores, int most, int cell, float score) {
    int place = most;
    while (place && (cells[place - 1] < 0 || score > scores[place - 1] ||
                     (score == scores[place - 1] && cell < cells[place - 1]))) {
        place--;
        if (place + 1 < most) cells[place + 1] = cells[place], scores[place + 1] = scores[place];
    }
    if (place < most) cells[place] = cell, scores[place] = score;
}

/* Whether nothing within `radius` of a cell of a patch, and within the map, exceeds it. */
static int is_maximum(const float *patch, long long stride, long long y, long long x, long long h,
                      long long w, int radius) {
    for (long long down = -radius; down <= radius; down++)
        for (long long right = -radius; right <= radius; right++)
            if (y + down >= 0 && y + down < h && x + right >= 0 && x + right < w &&
                patch[down * stride + right] > *patch)
                return 0;
    return 1;
}

/* Add the local maxima in n blocks to the peaks.

   plane, block: (n,); heat: (SIDE, n, SIDE); cells, scores: (planes, most), -1 and 0 fill up. */
EXPORTED void posestream_peaks(const Maps *maps, long long n, const long long *plane,
                               const long long *block, const float *heat, float lowest, int radius,
                               int most, int *cells, float *scores) {
    long long h = BLOCK * maps->h, w = BLOCK * maps->w, stride = n * SIDE;
    for (long long i = 0; i < n; i++) {
        long long top = block[i] / maps->w * BLOCK, left = block[i] % maps->w * BLOCK;
        for (int row = 0; row < BLOCK; row++)
            for (int column = 0; column < BLOCK; column++) {
                const float *at = heat + (RING + row) * stride + i * SIDE + RING + column;
                long long y = top + row, x = left + column;
                if (*at >= lowest && is_maximum(at, stride, y, x, h, w, radius))
                    keep(cells + plane[i] * most, scores + plane[i] * most, most,
                         (int)(y * w + x), *at);
            }
    }
}

/* Where a fine cell lies between two of `size` coarse ones; the weight of the second. */
static float between(long long fine, long long size, long long *first, long long *second) {
    double place = ((double)fine + 0.5) * 0.25 - 0.5;
    float at = (float)(place > 0 ? place : 0);
    *first = (long long)at;
    *second = *first + 1 < size ? *first + 1 : size - 1;
    return at - (float)*first;
}

/* The tags at the peaks, as cpu_peaks.sample_tags. cells, tags: (planes, most). */
EXPORTED void posestream_tags(const Maps *maps, int most, const int *cells, float *tags) {
    for (long long plane = 0; plane < maps->planes; plane++) {
        Plane map = low_plane(maps, plane, 1);
        for (long long i = plane * most; i < (plane + 1) * most && cells[i] >= 0; i++) {
            long long x0, x1, y0, y1;
            float right = between(cells[i] % (BLOCK * maps->w), maps->w, &x0, &x1);
            float down = between(cells[i] / (BLOCK * maps->w), maps->h, &y0, &y1);
            const float *a = row_of(map, y0), *b = row_of(map, y1);
            float upper = (1 - right) * a[x0 * map.cell] + right * a[x1 * map.cell];
            float lower = (1 - right) * b[x0 * map.cell] + right * b[x1 * map.cell];
            tags[i] = (1 - down) * upper + down * lower;
        }
    }
}

/* As cpu_search.worth. */
static float worth(float heat, float square, float sharpness) {
    if (sharpness > 0) {
        float left = 1 - square * sharpness;
        left = left > 0 ? left : 0;
        return heat * (left * left);
    }
    return heat - rounded(sqrtf(square));
}

/* Let the cells of n blocks compete for being the best of the pair they are looked into for.

   pair, block: (n,); heat, tags: (SIDE, n, SIDE); wanted: tags of the pairs; value, cell, found:
   of each pair the best worth so far, -INFINITY at first, its first cell, and the heat there. */
EXPORTED void posestream_choose(const Maps *maps, long long n, const long long *pair,
                                const long long *block, const float *heat, const float *tags,
                                const float *wanted, float sharpness, float *value,
                                long long *cell, float *found) {
    long long w = BLOCK * maps->w, stride = n * SIDE;
    for (long long i = 0; i < n; i++) {
        long long top = block[i] / maps->w * BLOCK, left = block[i] % maps->w * BLOCK, p = pair[i];
        for (int row = 0; row < BLOCK; row++)
            for (int column = 0; column < BLOCK; column++) {
                long long at = (RING + row) * stride + i * SIDE + RING + column;
                long long here = (top + row) * w + left + column;
                float away = tags[at] - wanted[p];
                float now = worth(heat[at], away * away, sharpness);
                if (now > value[p] || (now == value[p] && here < cell[p]))
                    value[p] = now, cell[p] = here, found[p] = heat[at];
            }
    }
}

/* The joints that are somewhere, and the blocks they are in. Returns how many.

   cells: (people, joints) flat, -1 for none; image: (people,); found: (3, people * joints) places
   in `cells`, planes and flat blocks. */
EXPORTED long long posestream_present(const Maps *maps, long long people, const long long *cells,
                                      const int *image, long long *found) {
    long long room = people * maps->joints, w = BLOCK * maps->w, count = 0;
    for (long long at = 0; at < room; at++) {
        if (cells[at] < 0) continue;
        found[count] = at;
        found[room + count] = image[at / maps->joints] * maps->joints + at % maps->joints;
        found[2 * room + count] =
            cells[at] / w / BLOCK * maps->w + cells[at] % w / BLOCK;
        count++;
    }
    return count;
}

/* How far to move along an axis, as cpu_decode._shift. */
static float shift(float before, float here, float after, int reach) {
    if (!reach) return after > before ? 0.25f : -0.25f;
    float bend = 2 * here - before - after, half = (float)reach / 2;
    if (!(bend > 0)) return 0;
    float top = (after - before) * half / bend;
    return top < -half ? -half : top > half ? half : top;
}

/* Coordinates and scores of n joints, as cpu_decode.placed.

   where: (n,) places in the arrays of all joints; cells, known, xy, score: of all joints, `known`
   NaN where the heat counts; heat: (SIDE, n, SIDE) of the blocks they are in. */
EXPORTED void posestream_place(const Maps *maps, long long n, const long long *where,
                               const long long *cells, const float *heat, const float *known,
                               int adjust, int reach, float *xy, float *score) {
    const long long w = BLOCK * maps->w, h = BLOCK * maps->h, far = reach > 1 ? reach : 1;
    for (long long i = 0; i < n; i++) {
        const long long at = where[i], y = cells[at] / w, x = cells[at] % w;
        const float *row = heat + (RING + y % BLOCK) * n * SIDE + i * SIDE + RING + x % BLOCK;
        const float here = row[0];
        double place[2] = {(double)x + 0.5, (double)y + 0.5};
        if (adjust) {
            long long right = within(x + far, w) - x, left = within(x - far, w) - x;
            long long down = within(y + far, h) - y, up = within(y - far, h) - y;
            place[0] += shift(row[left], here, row[right], reach);
            place[1] += shift(row[up * n * SIDE], here, row[down * n * SIDE], reach);
        }
        xy[2 * at] = (float)place[0], xy[2 * at + 1] = (float)place[1];
        score[at] = isnan(known[at]) ? here : known[at];
    }
}
