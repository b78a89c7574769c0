/* Which blocks of a frame's maps are worth computing. Read by gpu_ops/cpu_compiled.py.

   Nothing is decided here: heat and tags are estimated to within a margin, and every block that
   could matter is named. A block is BLOCK x BLOCK fine cells, one cell of the low maps. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <math.h>
#include <string.h>

#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

enum { BLOCK = 4 };

static const float QUARTERS[BLOCK] = {0.625f, 0.875f, 0.125f, 0.375f}; /* of the next low cell */
static const float HALVES[BLOCK] = {0.75f, 0.25f, 0.75f, 0.25f};       /* of the next high cell */

typedef struct {
    const float *low;  /* (B, 2K, h, w): heat and tags */
    const float *high; /* (B, K, 2h, 2w) */
    float *tops;       /* (B * K, h, w) what no heat in a block exceeds, but for rounding */
    long long planes, joints, h, w;
} Maps;

static long long within(long long at, long long size) {
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

static const float *low_plane(const Maps *maps, long long plane, int tags) {
    long long image = plane / maps->joints, joint = plane % maps->joints;
    long long row = image * 2 * maps->joints + (tags ? maps->joints : 0) + joint;
    return maps->low + row * maps->h * maps->w;
}

/* The fine cells of cell (y, x) of an (h, w) map. */
static void finer_low(const float *map, const Maps *maps, long long y, long long x,
                      float out[BLOCK][BLOCK]) {
    float rows[3][BLOCK];
    long long left = within(x - 1, maps->w), right = within(x + 1, maps->w);
    for (int row = 0; row < 3; row++) {
        const float *line = map + within(y + row - 1, maps->h) * maps->w;
        const float cells[3] = {line[left], line[x], line[right]};
        for (int column = 0; column < BLOCK; column++) {
            float a = cells[column / 2], b = cells[column / 2 + 1];
            rows[row][column] = a + QUARTERS[column] * (b - a);
        }
    }
    for (int row = 0; row < BLOCK; row++)
        for (int column = 0; column < BLOCK; column++) {
            float a = rows[row / 2][column], b = rows[row / 2 + 1][column];
            out[row][column] = a + QUARTERS[row] * (b - a);
        }
}

/* Heat of the fine cells of block (y, x) of a plane: the mean of both stages. */
static void fine_heat(const Maps *maps, long long plane, long long y, long long x,
                      float out[BLOCK][BLOCK]) {
    finer_low(low_plane(maps, plane, 0), maps, y, x, out);
    long long h = 2 * maps->h, w = 2 * maps->w;
    const float *map = maps->high + plane * h * w;
    float rows[BLOCK][BLOCK];
    for (int row = 0; row < BLOCK; row++) {
        const float *line = map + within(2 * y + row - 1, h) * w;
        float cells[BLOCK];
        for (int column = 0; column < BLOCK; column++)
            cells[column] = line[within(2 * x + column - 1, w)];
        for (int column = 0; column < BLOCK; column++) {
            float a = cells[(column + 1) / 2], b = cells[(column + 1) / 2 + 1];
            rows[row][column] = a + HALVES[column] * (b - a);
        }
    }
    for (int row = 0; row < BLOCK; row++)
        for (int column = 0; column < BLOCK; column++) {
            float a = rows[(row + 1) / 2][column], b = rows[(row + 1) / 2 + 1][column];
            out[row][column] = 0.5f * (out[row][column] + (a + HALVES[row] * (b - a)));
        }
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

static float larger(float a, float b) { return a > b ? a : b; }

static float smaller(float a, float b) { return a < b ? a : b; }

/* In LANES at once: one after the other each would wait for the one before. */
static float largest_of(const float *values, long long count) {
    enum { LANES = 16 };
    float lanes[LANES], largest = -INFINITY;
    for (int lane = 0; lane < LANES; lane++) lanes[lane] = -INFINITY;
    for (; count >= LANES; count -= LANES, values += LANES)
        for (int lane = 0; lane < LANES; lane++) lanes[lane] = larger(lanes[lane], values[lane]);
    for (int lane = 0; lane < LANES; lane++) largest = larger(largest, lanes[lane]);
    for (long long i = 0; i < count; i++) largest = larger(largest, values[i]);
    return largest;
}

/* Fill in the tops, and return the largest |heat| of both stages.

   row, sizes: (2w + 2) and (2w) to work in. */
EXPORTED float posestream_tops(const Maps *maps, float *row, float *sizes) {
    long long h = maps->h, w = maps->w, fine = 2 * w;
    float *inner = row + 1;
    for (long long x = 0; x < fine; x++) sizes[x] = 0;
    for (long long plane = 0; plane < maps->planes; plane++)
        for (long long y = 0; y < h; y++) {
            const float *low = low_plane(maps, plane, 0), *high = maps->high + 4 * plane * h * w;
            float *top = maps->tops + (plane * h + y) * w;
            const float *a = low + within(y - 1, h) * w, *b = low + y * w;
            const float *c = low + within(y + 1, h) * w;
            for (long long x = 0; x < w; x++) {
                inner[x] = larger(larger(a[x], b[x]), c[x]);
                sizes[x] = larger(sizes[x], fabsf(b[x]));
            }
            inner[-1] = inner[0], inner[w] = inner[w - 1];
            for (long long x = 0; x < w; x++)
                top[x] = larger(larger(inner[x - 1], inner[x]), inner[x + 1]);
            a = high + within(2 * y - 1, 2 * h) * fine, b = high + 2 * y * fine, c = b + fine;
            const float *d = high + within(2 * y + 2, 2 * h) * fine;
            for (long long x = 0; x < fine; x++) {
                inner[x] = larger(larger(a[x], b[x]), larger(c[x], d[x]));
                sizes[x] = larger(sizes[x], larger(fabsf(b[x]), fabsf(c[x])));
            }
            inner[-1] = inner[0], inner[fine] = inner[fine - 1];
            for (long long x = 0; x < w; x++) {
                const float *at = inner + 2 * x;
                top[x] = 0.5f * (top[x] + larger(larger(at[-1], at[0]), larger(at[1], at[2])));
            }
        }
    return largest_of(sizes, fine);
}

/* The blocks that may hold a local maximum of at least `lowest`: none within `radius` exceeds it.

   heat: (BLOCK * h + 2 * radius, BLOCK * w + 2 * radius), all -INFINITY, and so again afterwards;
   active: (h * w); found: (planes * h * w) flat blocks. Returns how many were found. */
EXPORTED long long posestream_maxima(const Maps *maps, float lowest, float margin, int radius,
                                     float *heat, long long *active, long long *found) {
    long long blocks = maps->h * maps->w, count = 0, stride = BLOCK * maps->w + 2 * radius;
    for (long long plane = 0; plane < maps->planes; plane++) {
        const float *tops = maps->tops + plane * blocks;
        long long number = 0;
        for (long long block = 0; block < blocks; block++)
            if (tops[block] + margin >= lowest) active[number++] = block;
        for (long long i = 0; i < number; i++) {
            long long y = active[i] / maps->w, x = active[i] % maps->w;
            float fine[BLOCK][BLOCK];
            fine_heat(maps, plane, y, x, fine);
            for (int row = 0; row < BLOCK; row++)
                memcpy(heat + (BLOCK * y + row + radius) * stride + BLOCK * x + radius, fine[row],
                       sizeof fine[row]);
        }
        for (long long i = 0; i < number; i++) {
            long long y = active[i] / maps->w, x = active[i] % maps->w;
            const float *corner = heat + (BLOCK * y + radius) * stride + BLOCK * x + radius;
            if (has_maximum(corner, stride, lowest, margin, radius))
                found[count++] = plane * blocks + active[i];
        }
        for (long long i = 0; i < number; i++) {
            long long y = active[i] / maps->w, x = active[i] % maps->w;
            for (int row = 0; row < BLOCK; row++)
                for (int column = 0; column < BLOCK; column++)
                    heat[(BLOCK * y + row + radius) * stride + BLOCK * x + column + radius] =
                        -INFINITY;
        }
    }
    return count;
}

/* Half to even, as numpy.rint, in the default rounding mode; x >= 0. rintf is a call without SSE4. */
static float rounded(float x) {
    const float shift = 8388608.0f; /* from here on floats are whole */
    float whole = (x + shift) - shift;
    return x < shift ? whole : x;
}

/* As cpu_search.worth, of a cell whose tag is `away`. */
static float worth(float heat, float away, float sharpness) {
    float left = larger(1 - away * away * sharpness, 0);
    return sharpness > 0 ? heat * (left * left) : heat - rounded(away);
}

/* The most that a cell of a block may be worth, and the least that its best cell is. */
static void range_of(const Maps *maps, long long plane, long long block, float wanted,
                     float sharpness, const float margins[2], float *least, float *most) {
    float heat[BLOCK][BLOCK], tags[BLOCK][BLOCK];
    long long y = block / maps->w, x = block % maps->w;
    fine_heat(maps, plane, y, x, heat);
    finer_low(low_plane(maps, plane, 1), maps, y, x, tags);
    *least = *most = -INFINITY;
    for (int row = 0; row < BLOCK; row++)
        for (int column = 0; column < BLOCK; column++) {
            float away = fabsf(tags[row][column] - wanted), near = away - margins[1];
            float high = worth(heat[row][column] + margins[0], near > 0 ? near : 0, sharpness);
            float low = worth(heat[row][column] - margins[0], away + margins[1], sharpness);
            if (high > *most) *most = high;
            if (low > *least) *least = low;
        }
}

/* Fill in (planes, h, w) what no tag in a block is below or above, but for rounding.

   row: (2w + 2) to work in. */
EXPORTED void posestream_tags(const Maps *maps, float *row, float *low_tags, float *high_tags) {
    long long h = maps->h, w = maps->w;
    float *least = row, *most = row + w;
    for (long long plane = 0; plane < maps->planes; plane++)
        for (long long y = 0; y < h; y++) {
            const float *tags = low_plane(maps, plane, 1), *b = tags + y * w;
            const float *a = tags + within(y - 1, h) * w, *c = tags + within(y + 1, h) * w;
            float *low = low_tags + (plane * h + y) * w, *high = high_tags + (plane * h + y) * w;
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
}

/* The blocks of a plane that may hold the best cell for a wanted tag.

   With sharpness only those where one may be worth more than 0.

   low_tags, high_tags: as posestream_tags filled them in; margins: how far estimates of heat and
   of a tag may be off; most: (h * w) to work in; found: (h * w) flat blocks. Returns how many
   were found. */
EXPORTED long long posestream_best(const Maps *maps, long long plane, float wanted,
                                   float sharpness, const float *low_tags, const float *high_tags,
                                   const float margins[2], float *most, long long *found) {
    long long blocks = maps->h * maps->w, begin = 0, count = 0, kept = 0;
    const float *tops = maps->tops + plane * blocks;
    const float *low = low_tags + plane * blocks, *high = high_tags + plane * blocks;
    const float floor = sharpness > 0 ? FLT_MIN : -INFINITY;
    float best = floor, least, bound;
    for (long long block = 0; block < blocks; block++) {
        float nearest = larger(low[block] - wanted, wanted - high[block]) - margins[1];
        most[block] = worth(tops[block] + margins[0], larger(nearest, 0), sharpness);
    }
    const float greatest = largest_of(most, blocks);
    for (long long block = 0; block < blocks; block++)
        if (tops[block] > best) { /* good to begin with: much even at its worst tag */
            float worst = larger(wanted - low[block], high[block] - wanted);
            if (worth(tops[block], worst, sharpness) > best)
                best = worth(tops[block], worst, sharpness), begin = block;
        }
    range_of(maps, plane, begin, wanted, sharpness, margins, &least, &bound);
    best = larger(least, floor);
    for (long long block = 0; block < blocks; block++) /* and those that promise nearly the most */
        if (most[block] >= greatest - 0.1f * fabsf(greatest) && most[block] >= best) {
            range_of(maps, plane, block, wanted, sharpness, margins, &least, &bound);
            best = larger(best, least);
        }
    for (long long block = 0; block < blocks; block++)
        if (most[block] >= best) {
            range_of(maps, plane, block, wanted, sharpness, margins, &least, &bound);
            best = larger(best, least);
            most[count] = bound; /* count <= block */
            if (bound >= best) found[count++] = block;
        }
    for (long long i = 0; i < count; i++)
        if (most[i] >= best) found[kept++] = found[i];
    return kept;
}

/* Of these functions and what they take; VERSION of cpu_compiled.py. */
EXPORTED int posestream_version(void) { return 3; }

/* Python imports this file as a module to find it; the functions are called through ctypes. */
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_blocks", NULL, -1, NULL,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__blocks(void) { return PyModule_Create(&module); }
