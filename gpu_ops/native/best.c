/* Which blocks of a frame's maps may hold a missing joint. Called from gpu_ops/cpu_compiled.py.

   Nothing is decided here: heat and tags are estimated to within a margin, and every block that
   could matter is named. */

#include "fine.h"

/* As cpu_search.worth, of a cell whose tag is `away`. */
static inline float worth(float heat, float away, float sharpness) {
    float left = larger(1 - away * away * sharpness, 0);
    return sharpness > 0 ? heat * (left * left) : heat - rounded(away);
}

/* A map's tags, and how far rounding of what is between them may lead. */
typedef struct {
    Plane map;
    float margin;
    const float *low, *high; /* (h, w) what no tag in a block is below or above, but for rounding */
} Tags;

/* Copy the tags of some planes: (planes, h, w), of which the others are left out.

   Row by row, because channels that lie last are read from memory together. */
WIDE static void copy_tags(const Maps *maps, const long long *planes, long long count,
                           float *restrict tags) {
    const long long h = maps->h, w = maps->w, cell = maps->low_cell;
    for (long long y = 0; y < h; y++)
        for (long long n = 0; n < count; n++) {
            const float *from = row_of(low_plane(maps, planes[n], 1), y);
            float *restrict to = tags + (planes[n] * h + y) * w;
            for (long long x = 0; x < w; x++) to[x] = from[x * cell];
        }
}

/* Bounds of a plane's tags (h, w); memory: (2h + 2, w) to work in, of which 2h rows hold them. */
WIDE static Tags tags_of(const Maps *maps, const float *tags, float slack, float *restrict memory) {
    const long long h = maps->h, w = maps->w, blocks = h * w;
    float *restrict least = memory + 2 * blocks, *restrict most = least + w;
    for (long long y = 0; y < h; y++) {
        const float *a = tags + within(y - 1, h) * w, *b = tags + y * w;
        const float *c = tags + within(y + 1, h) * w;
        float *restrict low = memory + y * w, *restrict high = low + blocks;
        for (long long x = 0; x < w; x++) {
            least[x] = smaller(smaller(a[x], b[x]), c[x]);
            most[x] = larger(larger(a[x], b[x]), c[x]);
        }
        for (long long x = 1; x + 1 < w; x++) {
            low[x] = smaller(smaller(least[x - 1], least[x]), least[x + 1]);
            high[x] = larger(larger(most[x - 1], most[x]), most[x + 1]);
        }
        for (long long x = 0; x < w; x += w > 1 ? w - 1 : 1) {
            long long left = within(x - 1, w), right = within(x + 1, w);
            low[x] = smaller(smaller(least[left], least[x]), least[right]);
            high[x] = larger(larger(most[left], most[x]), most[right]);
        }
    }
    float size = larger(largest_of(memory + blocks, blocks), -smallest_of(memory, blocks));
    return (Tags){{tags, h, w, 1}, slack * size, memory, memory + blocks};
}

/* What is looked for in a plane: the cell that is worth most to a person. */
typedef struct {
    long long plane;
    float wanted, sharpness, margin; /* the person's tag; as of cpu_search.worth; of heat */
} Search;

/* The most that a cell of a block may be worth, and the least that its best cell is. */
static void range_of(const Maps *maps, const Tags *of, const Search *search, long long block,
                     float *least, float *most) {
    float heat[BLOCK][BLOCK], tags[BLOCK][BLOCK];
    long long y = block / maps->w, x = block % maps->w;
    fine_heat(maps, search->plane, y, x, heat);
    finer_low(of->map, y, x, tags);
    *least = *most = -INFINITY;
    for (int row = 0; row < BLOCK; row++)
        for (int column = 0; column < BLOCK; column++) {
            float away = fabsf(tags[row][column] - search->wanted), near = away - of->margin;
            float high = heat[row][column] + search->margin;
            float low = heat[row][column] - search->margin;
            *most = larger(*most, worth(high, larger(near, 0), search->sharpness));
            *least = larger(*least, worth(low, away + of->margin, search->sharpness));
        }
}

/* Fill in what no cell of a block is worth more than, but for rounding. */
WIDE static void bound(const Maps *maps, const Tags *tags, const Search *search, float *restrict most) {
    const long long blocks = maps->h * maps->w;
    const float *restrict tops = maps->tops + search->plane * blocks;
    const float *restrict low = tags->low, *restrict high = tags->high;
    const float wanted = search->wanted, sharpness = search->sharpness;
    const float heat_margin = search->margin, margin = tags->margin;
    if (sharpness > 0)
        for (long long i = 0; i < blocks; i++) {
            float away = larger(larger(low[i] - wanted, wanted - high[i]) - margin, 0);
            most[i] = worth(tops[i] + heat_margin, away, sharpness);
        }
    else
        for (long long i = 0; i < blocks; i++) {
            float away = larger(larger(low[i] - wanted, wanted - high[i]) - margin, 0);
            most[i] = worth(tops[i] + heat_margin, away, 0);
        }
}

/* The first from `at` on that is at least `least`; `count` if there is none. */
static long long next_of(const float *values, long long at, long long count, float least) {
    enum { MANY = 64 };
    for (; at < count; at++) {
        while (at % MANY == 0 && at + MANY <= count && largest_of(values + at, MANY) < least)
            at += MANY;
        if (at < count && values[at] >= least) return at;
    }
    return count;
}

/* The blocks of a plane that may hold the cell that is searched.

   With sharpness only those where one may be worth more than 0.

   most: (h * w) to work in; found: (h * w) flat blocks. Returns how many were found. */
static long long best_blocks(const Maps *maps, const Tags *tags, const Search *search, float *most,
                             long long *found) {
    long long blocks = maps->h * maps->w, count = 0, kept = 0;
    float best = search->sharpness > 0 ? FLT_MIN : -INFINITY, least, value;
    bound(maps, tags, search, most);
    const float greatest = largest_of(most, blocks), nearly = greatest - 0.1f * fabsf(greatest);
    for (long long block = 0;; block++) { /* good to begin with */
        block = next_of(most, block, blocks, larger(nearly, best));
        if (block == blocks) break;
        range_of(maps, tags, search, block, &least, &value);
        best = larger(best, least);
    }
    for (long long block = 0;; block++) {
        block = next_of(most, block, blocks, best);
        if (block == blocks) break;
        range_of(maps, tags, search, block, &least, &value);
        best = larger(best, least);
        most[count] = value; /* count <= block */
        if (value >= best) found[count++] = block;
    }
    for (long long i = 0; i < count; i++)
        if (most[i] >= best) found[kept++] = found[i];
    return kept;
}

/* The blocks that may hold the best cell of a plane for a tag, for some pairs of these.

   plane, wanted, counts: (pairs,); memory: (planes + 3, h + 1, w) to work in; blocks: (h * w +
   planes) to work in; found: (3, pairs * limit) pairs, their planes and flat blocks, of the pairs
   for which no more than `limit` were found. Returns how many these are. */
EXPORTED long long posestream_best(const Maps *maps, long long pairs, const long long *plane,
                                   const float *wanted, float sharpness, float margin,
                                   float slack, float *memory, long long *blocks, long long limit,
                                   long long *counts, long long *found) {
    const long long size = maps->h * maps->w;
    float *all = memory + 3 * (size + maps->w), *most = memory + 2 * (size + maps->w);
    long long *listed = blocks + size, total = 0, room = pairs * limit;
    for (long long first = 0; first < maps->planes; first += maps->joints) {
        long long count = 0;
        for (long long of = first; of < first + maps->joints; of++) {
            long long pair = 0;
            while (pair < pairs && plane[pair] != of) pair++;
            if (pair < pairs) listed[count++] = of;
        }
        if (count) copy_tags(maps, listed, count, all);
        for (long long i = 0; i < count; i++) {
            Tags tags = tags_of(maps, all + listed[i] * size, slack, memory);
            for (long long pair = 0; pair < pairs; pair++) {
                if (plane[pair] != listed[i]) continue;
                Search search = {listed[i], wanted[pair], sharpness, margin};
                counts[pair] = best_blocks(maps, &tags, &search, most, blocks);
                for (long long j = 0; j < counts[pair] && counts[pair] <= limit; j++, total++) {
                    found[total] = pair;
                    found[room + total] = listed[i];
                    found[2 * room + total] = blocks[j];
                }
            }
        }
    }
    return total;
}
