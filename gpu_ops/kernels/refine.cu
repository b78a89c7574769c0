// Where each joint of each person is: found joints are adjusted, missing ones are looked for.
// One block per (joint, person). A missing joint is at the cell that is worth most to the person, of
// equal cells the first in raster order. No cell is worth more than the tile's largest heat at the
// distance from its range of tags, so only tiles that could hold the winner are looked into.
#include "maps.cuh"

#define THREADS 256

struct Person {
    int image, joint;
    float tag[MOST_TAGS];
};

// As cpu_search.worth.
__device__ __forceinline__ float worth(float heat, float square, float sharpness) {
    if (sharpness > 0.0f) {
        float left = fmaxf(1.0f - square * sharpness, 0.0f);
        return heat * (left * left);
    }
    return heat - rintf(sqrtf(square));
}

__device__ __forceinline__ float square_at(const Tags& tags, const Person& who, int y, int x) {
    float sum = 0.0f;
    for (int t = 0; t < tags.count; t++) {
        float apart = tag_at(tags, who.image, who.joint, t, y, x) - who.tag[t];
        sum += apart * apart;
    }
    return sum;
}

// The least squared distance any cell of a tile can have. range (tag, tile, 2) of the map.
__device__ __forceinline__ float least_square(
    const float* range, int tiles, int tile, int count, const Person& who) {
    float sum = 0.0f;
    for (int t = 0; t < count; t++) {
        const float* span = range + ((size_t)t * tiles + tile) * 2;
        float apart = fmaxf(fmaxf(span[0] - who.tag[t], who.tag[t] - span[1]), 0.0f);
        sum += apart * apart;
    }
    return sum;
}

// Raises *best, which all threads share, to the largest rank any thread has found.
__device__ __forceinline__ void raise(Rank* best, Rank rank) {
    rank = largest_of_warp(rank);
    if (threadIdx.x % 32 == 0) atomicMax(best, rank);
    __syncthreads();
}

__device__ Rank best_of_tile(
    const Heat& heat, const Tags& tags, const Person& who, float sharpness, int tile,
    float bound) {
    int across = (heat.W + TILE - 1) / TILE;
    int x = tile % across * TILE + threadIdx.x % 32, y = tile / across * TILE;
    Rank best = 0;
    for (int end = min(y + TILE, heat.H); y < end && x < heat.W; y++) {
        float value = heat_at(heat, who.image, who.joint, y, x);
        if (!(value >= bound)) continue;
        value = worth(value, square_at(tags, who, y, x), sharpness);
        Rank rank = rank_of(value, y * heat.W + x);
        best = rank > best ? rank : best;
    }
    return best;
}

// All threads of the block call it and get the same cell, and what counts there: heat, or
// with a tolerance worth; -1 if that is not above 0.
__device__ int best_cell(
    const Heat& heat, const Tags& tags, const Person& who, float sharpness, const float* range,
    const Rank* tops, int tiles, float* counts) {
    __shared__ Rank shared_best;
    if (threadIdx.x == 0) shared_best = 0;
    __syncthreads();
    Rank own = 0;
    for (int tile = threadIdx.x; tile < tiles; tile += THREADS) {
        int cell = cell_of(tops[tile]);
        float square = square_at(tags, who, cell / heat.W, cell % heat.W);
        Rank rank = rank_of(worth(value_of(tops[tile]), square, sharpness), cell);
        own = rank > own ? rank : own;
    }
    raise(&shared_best, own);
    float bound = value_of(shared_best);
    __syncthreads();
    own = 0;
    for (int base = threadIdx.x / 32 * 32; base < tiles; base += THREADS) {
        int tile = base + threadIdx.x % 32;
        bool hopeful = false;
        if (tile < tiles) {
            float least = least_square(range, tiles, tile, tags.count, who);
            float hope = worth(value_of(tops[tile]), least, sharpness);
            hopeful = hope >= bound && (sharpness == 0.0f || hope > 0.0f);
        }
        unsigned hopes = __ballot_sync(0xffffffffu, hopeful);
        for (; hopes; hopes &= hopes - 1) {
            Rank rank = best_of_tile(heat, tags, who, sharpness, base + __ffs(hopes) - 1, bound);
            own = rank > own ? rank : own;
        }
    }
    raise(&shared_best, own);
    int cell = cell_of(shared_best);
    *counts = sharpness > 0.0f
        ? value_of(shared_best)
        : heat_at(heat, who.image, who.joint, cell / heat.W, cell % heat.W);
    return *counts > 0.0f ? cell : -1;
}

// How far to move along one axis: as _shift of cpu_decode.py.
__device__ __forceinline__ float shift(float before, float here, float after, int reach) {
    if (reach == 0) return after > before ? 0.25f : -0.25f;
    float bend = 2.0f * here - before - after, half = 0.5f * (float)reach;
    if (!(bend > 0.0f)) return 0.0f;
    return fminf(fmaxf((after - before) * half / bend, -half), half);
}

// image (P,), cells (P, K) with -1 where a joint is missing, person_tag (P, T).
// ranges and tops as tags.cu and peaks.cu wrote them. xy (P, K, 2), score (P, K); 0: no joint.
extern "C" __global__ void place_joints(
    HEAT_ARGUMENTS, TAG_ARGUMENTS, const float* ranges, const Rank* tops, int tiles,
    const int* image, const int* cells, const float* person_tag, int adjust, int reach, int fill,
    float sharpness, float* xy, float* score) {
    Heat heat = HEAT;
    Tags tags = TAGS;
    int place = blockIdx.y * joints + blockIdx.x;
    Person who = {image[blockIdx.y], (int)blockIdx.x, {0.0f, 0.0f}};
    for (int t = 0; t < tag_count; t++) who.tag[t] = person_tag[blockIdx.y * tag_count + t];
    int cell = cells[place];
    bool missing = cell < 0;
    float counts = 0.0f;
    if (missing && fill) {  // the same for the whole block
        size_t map = (size_t)who.image * joints + who.joint;
        const float* range = ranges + map * tag_count * tiles * 2;
        cell = best_cell(heat, tags, who, sharpness, range, tops + map * tiles, tiles,
                         &counts);
    }
    if (threadIdx.x != 0) return;
    float at_x = 0.0f, at_y = 0.0f, found = 0.0f;
    if (cell >= 0) {
        int x = cell % W, y = cell / W, j = who.joint, b = who.image;
        found = heat_at(heat, b, j, y, x);
        at_x = (float)x + 0.5f;
        at_y = (float)y + 0.5f;
        if (adjust) {
            int step = max(reach, 1);
            at_x += shift(heat_at(heat, b, j, y, max(x - step, 0)), found,
                          heat_at(heat, b, j, y, min(x + step, W - 1)), reach);
            at_y += shift(heat_at(heat, b, j, max(y - step, 0), x), found,
                          heat_at(heat, b, j, min(y + step, H - 1), x), reach);
        }
    }
    xy[(size_t)place * 2] = at_x;
    xy[(size_t)place * 2 + 1] = at_y;
    score[place] = missing ? fmaxf(counts, 0.0f) : found;
}
