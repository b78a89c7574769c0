// Tags where they are needed: at the peaks, and the range they span in each tile.
#include "maps.cuh"

// One thread per number. cell (B*K, most), -1 where there is no peak; tag (B*K, most, T).
extern "C" __global__ void peak_tags(
    TAG_ARGUMENTS, int joints, int H, int W, const int* cell, int maps, int most, float* tag) {
    Tags tags = TAGS;
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= maps * most * tag_count) return;
    int t = i % tag_count, peak = i / tag_count, map = peak / most, at = cell[peak];
    tag[i] = at < 0 ? 0.0f : tag_at(tags, map / joints, map % joints, t, at / W, at % W);
}

// One warp per (map, tag, tile). ranges (B*K, T, tiles, 2): no tag of the tile, as tag_at computes
// it, is below the first number or above the second.
extern "C" __global__ void tag_ranges(
    TAG_ARGUMENTS, int joints, int H, int W, int maps, int tiles, float* ranges) {
    Tags tags = TAGS;
    int task = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (task >= maps * tag_count * tiles) return;  // whole warps leave
    int tile = task % tiles, t = task / tiles % tag_count, map = task / tiles / tag_count;
    Map cells = tag_map(tags, map / joints, map % joints, t);
    int across = (W + TILE - 1) / TILE, x = tile % across * TILE, y = tile / across * TILE;
    int left, right, top, bottom, unused;
    between(x, cells.down_x, tag_w, &left, &unused);
    between(min(x + TILE, W) - 1, cells.down_x, tag_w, &unused, &right);
    between(y, cells.down_y, tag_h, &top, &unused);
    between(min(y + TILE, H) - 1, cells.down_y, tag_h, &unused, &bottom);
    bool mirrored = t && tag_mirror;
    float least = __uint_as_float(0x7f800000u), largest = __uint_as_float(0xff800000u);
    for (int row = top; row <= bottom; row++) {
        for (int column = left + lane; column <= right; column += 32) {
            float value = cells.cells[(size_t)row * tag_w + (mirrored ? tag_w - 1 - column : column)];
            least = fminf(least, value);
            largest = fmaxf(largest, value);
        }
    }
    least = -value_of(largest_of_warp(rank_of(-least, 0)));
    largest = value_of(largest_of_warp(rank_of(largest, 0)));
    // Interpolation rounds, so a value can leave the range of its neighbours by a few ulps.
    float slack = 1e-6f * (fabsf(least) + fabsf(largest));
    if (lane == 0) {
        ranges[(size_t)task * 2] = least - slack;
        ranges[(size_t)task * 2 + 1] = largest + slack;
    }
}
