/* What is read of a frame's pixels beside the network: the colours people wear and what tells how
   the camera moved, as engine/tracking/appearance.py and camera_motion.py. Called from
   engine/tracking/compiled.py. */

#include <math.h>
#include <string.h>

#include "exported.h"

/* Mean colours along limbs, as appearance.appearance.

   pixels: (height, width, 3); xy: (people, joints, 2); start, end, kind: (samples,) keypoints and
   which limb; along: (samples,); totals: (limbs, 4) to work in; mean: (people, limbs, 3). */
EXPORTED void posestream_colours(const unsigned char *pixels, long long height, long long width,
                                 long long people, long long joints, const double *xy,
                                 long long samples, const long long *start, const long long *end,
                                 const long long *kind, const double *along, long long limbs,
                                 long long *totals, float *mean) {
    for (; people--; xy += 2 * joints, mean += 3 * limbs) {
        memset(totals, 0, 4 * limbs * sizeof *totals);
        for (long long i = 0; i < samples; i++) {
            const double *a = xy + 2 * start[i], *b = xy + 2 * end[i];
            double x = rint(a[0] * (1 - along[i]) + b[0] * along[i]);
            double y = rint(a[1] * (1 - along[i]) + b[1] * along[i]);
            if (!(x >= 0 && y >= 0 && x < (double)width && y < (double)height)) continue;
            const unsigned char *pixel = pixels + 3 * ((long long)y * width + (long long)x);
            long long *total = totals + 4 * kind[i];
            for (int channel = 0; channel < 3; channel++) total[channel] += pixel[channel];
            total[3]++;
        }
        for (long long i = 0; i < 3 * limbs; i++) {
            const long long *total = totals + 4 * (i / 3);
            mean[i] = total[3] ? (float)((double)total[i % 3] / (255 * (double)total[3])) : NAN;
        }
    }
}

/* The green of a picture, reduced to cells, as camera_motion._shrink.

   pixels: (>= h * cell, width, 3); at: (samples,) the rows and columns of a cell that are looked
   at; small: (h, w). */
EXPORTED void posestream_shrink(const unsigned char *pixels, long long width, long long cell,
                                long long samples, const long long *at, long long h, long long w,
                                unsigned char *small) {
    for (long long y = 0; y < h; y++)
        for (long long x = 0; x < w; x++) {
            const unsigned char *corner = pixels + 3 * (y * cell * width + x * cell) + 1;
            long long sum = 0;
            for (long long i = 0; i < samples; i++)
                for (long long j = 0; j < samples; j++) sum += corner[3 * (at[i] * width + at[j])];
            small[y * w + x] = (unsigned char)(sum / (samples * samples));
        }
}

/* Mark the cells in the boxes of people as not free, as camera_motion._free_of_people.

   xy: (people, joints, 2) pixels; free: (h, w), all 1 before. */
EXPORTED void posestream_cover(long long people, long long joints, const float *xy, float cell,
                               float part, long long h, long long w, unsigned char *free) {
    for (; people--; xy += 2 * joints) {
        float low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
        const float side[2] = {(float)w, (float)h};
        long long from[2], to[2];
        for (long long k = 0; k < joints; k++)
            for (int axis = 0; axis < 2 && !isnan(xy[2 * k]); axis++) {
                float at = xy[2 * k + axis] / cell;
                low[axis] = at < low[axis] ? at : low[axis];
                high[axis] = at > high[axis] ? at : high[axis];
            }
        for (int axis = 0; axis < 2; axis++) {
            float margin = 1 + part * (high[axis] - low[axis]);
            float first = low[axis] - margin, last = high[axis] + margin + 1;
            from[axis] = first > 0 ? (long long)(first < side[axis] ? first : side[axis]) : 0;
            to[axis] = last > 0 ? (long long)(last < side[axis] ? last : side[axis]) : 0;
        }
        for (long long y = from[1]; y < to[1]; y++)
            for (long long x = from[0]; x < to[0]; x++) free[y * w + x] = 0;
    }
}

/* How far two reduced pictures differ: 1 if in most parts of them that are free of people, 2 if in
   most cells by a lot, 3 if both.

   before, after, free: (h, w), these of both frames; tiles: each way; grey, other: levels. */
EXPORTED int posestream_differ(const unsigned char *before, const unsigned char *after,
                               const unsigned char *free_before, const unsigned char *free_after,
                               long long h, long long w, long long tiles, int grey, int other) {
    long long most = 0, seen_tiles = 0, moved_tiles = 0, any = 0;
    for (long long tile = 0; tile < tiles * tiles; tile++) {
        long long top = tile / tiles * h / tiles, bottom = (tile / tiles + 1) * h / tiles;
        long long left = tile % tiles * w / tiles, right = (tile % tiles + 1) * w / tiles;
        long long changed = 0, seen = 0;
        for (long long y = top; y < bottom; y++)
            for (long long i = y * w + left; i < y * w + right; i++) {
                int away = after[i] > before[i] ? after[i] - before[i] : before[i] - after[i];
                int both = free_before[i] & free_after[i];
                changed += (away > grey) & both;
                seen += both;
                most += away > other;
            }
        any += changed;
        seen_tiles += seen > 0;
        moved_tiles += seen && (double)changed > 0.1 * (double)seen;
    }
    int moving = any && seen_tiles && 2 * moved_tiles >= seen_tiles;
    return (moving ? 1 : 0) | (2 * most >= h * w ? 2 : 0);
}
