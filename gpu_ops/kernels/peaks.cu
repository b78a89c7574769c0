// Local maxima of every heatmap, and the best of them.
// A peak is at least `lowest` and not smaller than any cell within `radius`; cells outside the
// map do not count. Of equal neighbours both are peaks. Nothing depends on the order in which
// threads run: peaks are marked by position and ranked by (value, raster order).
#include "maps.cuh"

#define MOST_RADIUS 4
#define ROWS 8                           // rows of threads in a block
#define HALO (TILE + 2 * MOST_RADIUS)
#define THREADS (TILE * ROWS)
#define ROOM 1024                        // peaks collected before all but the best are dropped
#define MOST_PEAKS 128

// One block per tile, one grid layer per (image, joint).
// marks (B*K, tiles, 32) has a bit per cell of a tile, row by row, first column lowest.
// tops (B*K, tiles) is the rank of a tile's largest heat, peak or not.
extern "C" __global__ void mark_peaks(
    HEAT_ARGUMENTS, int radius, float lowest, unsigned* marks, Rank* tops) {
    Heat heat = HEAT;
    __shared__ float cells[HALO][HALO];
    __shared__ float widest[HALO][TILE];  // maxima along rows
    __shared__ Rank top;
    int map = blockIdx.z, image = map / joints, joint = map % joints;
    int left = blockIdx.x * TILE - radius, above = blockIdx.y * TILE - radius;
    int side = TILE + 2 * radius;
    int thread = threadIdx.y * TILE + threadIdx.x;
    if (thread == 0) top = 0;
    // Down and across by THREADS cells a step, without a division in the loop.
    int down = THREADS / side, across = THREADS % side;
    int row = thread / side, column = thread % side;
    while (row < side) {
        int x = left + column, y = above + row;
        bool inside = x >= 0 && x < W && y >= 0 && y < H;
        cells[row][column] =
            inside ? heat_at(heat, image, joint, y, x) : __uint_as_float(0xff800000u);
        bool wraps = column + across >= side;
        row += down + wraps;
        column += across - (wraps ? side : 0);
    }
    __syncthreads();
    for (row = threadIdx.y; row < side; row += ROWS) {
        float largest = cells[row][threadIdx.x];
        for (int i = 1; i <= 2 * radius; i++)
            largest = fmaxf(largest, cells[row][threadIdx.x + i]);
        widest[row][threadIdx.x] = largest;
    }
    __syncthreads();
    size_t tile = ((size_t)map * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    int x = blockIdx.x * TILE + threadIdx.x;
    Rank best = 0;
    for (row = threadIdx.y; row < TILE; row += ROWS) {
        int y = blockIdx.y * TILE + row;
        float value = cells[row + radius][threadIdx.x + radius];
        float largest = widest[row][threadIdx.x];
        for (int i = 1; i <= 2 * radius; i++)
            largest = fmaxf(largest, widest[row + i][threadIdx.x]);
        bool inside = x < W && y < H;
        unsigned bits = __ballot_sync(0xffffffffu, inside && value == largest && value >= lowest);
        if (threadIdx.x == 0) marks[tile * TILE + row] = bits;
        Rank rank = inside ? rank_of(value, y * W + x) : 0;
        best = rank > best ? rank : best;
    }
    best = largest_of_warp(best);
    if (threadIdx.x == 0) atomicMax(&top, best);
    __syncthreads();
    if (thread == 0) tops[tile] = top;
}

// Keeps the `most` best of the first *count ranks in `found`, best first; all threads call it.
__device__ void keep_best(Rank* found, int* count, Rank* kept, int most) {
    int n = *count;
    for (int i = threadIdx.x; i < n; i += THREADS) {
        int better = 0;
        for (int j = 0; j < n; j++) better += found[j] > found[i];
        if (better < most) kept[better] = found[i];
    }
    __syncthreads();
    int left = min(n, most);
    for (int i = threadIdx.x; i < left; i += THREADS) found[i] = kept[i];
    if (threadIdx.x == 0) *count = left;
    __syncthreads();
}

// One block per (image, joint); each thread walks through the marks of its tiles.
// cell, score (B*K, most): flat cells and heat, best first; -1 and 0 fill up.
extern "C" __global__ void best_peaks(
    HEAT_ARGUMENTS, const unsigned* marks, const Rank* tops, int tiles, float lowest, int most,
    int* cell, float* score) {
    Heat heat = HEAT;
    __shared__ Rank found[ROOM + THREADS];
    __shared__ Rank kept[MOST_PEAKS];
    __shared__ int count;
    int map = blockIdx.x, across = (W + TILE - 1) / TILE;
    if (threadIdx.x == 0) count = 0;
    __syncthreads();
    int tile = threadIdx.x, row = -1;
    unsigned bits = 0;
    for (;;) {
        while (!bits && tile < tiles) {
            bool empty = value_of(tops[(size_t)map * tiles + tile]) < lowest;
            if (empty || ++row == TILE) {
                tile += THREADS;
                row = -1;
                continue;
            }
            bits = marks[((size_t)map * tiles + tile) * TILE + row];
        }
        if (bits) {
            int x = tile % across * TILE + __ffs(bits) - 1, y = tile / across * TILE + row;
            bits &= bits - 1;
            float value = heat_at(heat, map / joints, map % joints, y, x);
            found[atomicAdd(&count, 1)] = rank_of(value, y * W + x);
        }
        bool more = __syncthreads_or(bits != 0 || tile < tiles);
        int now = count;
        __syncthreads();  // all threads read the count before any adds
        if (now > ROOM || !more) keep_best(found, &count, kept, most);
        if (!more) break;
    }
    for (int i = threadIdx.x; i < most; i += THREADS) {
        bool peak = i < count;
        cell[(size_t)map * most + i] = peak ? cell_of(found[i]) : -1;
        score[(size_t)map * most + i] = peak ? value_of(found[i]) : 0.0f;
    }
}
