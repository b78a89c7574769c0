// How every kernel reads heat and tags: values of the final grid, computed where they are needed.
// The network's maps are 4 and 2 times coarser than that grid, so reading them again costs less
// than writing the fine maps out and back. All kernels use these functions, so all see the same
// bits. Compiled with --fmad=false: the order of operations below is the definition.

#define TILE 32       // cells on a side of the squares into which the grid is cut
#define MOST_TAGS 2   // T: tags per joint, the second from the mirrored pass
typedef unsigned long long Rank;

// One map of (h, w) float32 cells that is asked for cells of a grid of (H, W).
struct Map {
    const float* cells;
    int h, w;
    float down_y, down_x;  // cells of the map per cell of the grid
};

__device__ __forceinline__ Map map_of(const float* cells, int h, int w, int H, int W) {
    Map map = {cells, h, w, (float)h / (float)H, (float)w / (float)W};
    return map;
}

// The two coarse cells around a fine one, half-pixel centres, and the weight of the second.
__device__ __forceinline__ float between(int at, float down, int cells, int* first, int* second) {
    float place = ((float)at + 0.5f) * down - 0.5f;
    place = place < 0.0f ? 0.0f : place;
    *first = min((int)place, cells - 1);
    *second = min(*first + 1, cells - 1);
    return place - (float)*first;
}

// Bilinear value at cell (x, y) of the grid; `mirrored` reads the map from right to left.
__device__ __forceinline__ float value_at(const Map& map, int y, int x, bool mirrored) {
    int y0 = y, y1 = y, x0 = x, x1 = x;
    float lower = 0.0f, right = 0.0f;
    bool same_size = map.down_y == 1.0f && map.down_x == 1.0f;
    if (!same_size) {
        lower = between(y, map.down_y, map.h, &y0, &y1);
        right = between(x, map.down_x, map.w, &x0, &x1);
    }
    if (mirrored) {
        x0 = map.w - 1 - x0;
        x1 = map.w - 1 - x1;
    }
    const float* above = map.cells + (size_t)y0 * map.w;
    if (same_size) return above[x0];
    const float* below = map.cells + (size_t)y1 * map.w;
    float left = 1.0f - right;
    float top = left * above[x0] + right * above[x1];
    float bottom = left * below[x0] + right * below[x1];
    return (1.0f - lower) * top + lower * bottom;
}

// Heat of B images on a grid of (H, W): the mean of both stages, then of the mirrored pass.
struct Heat {
    const float* low;   // (n, 2K, low_h, low_w), heatmaps first; null: there is one stage only
    int low_h, low_w;
    const float* high;  // (n, K, high_h, high_w); n = B, or 2B with the mirrored images last
    int high_h, high_w;
    const int* mirror;  // (K,) joint that k becomes in a mirrored image; null: no mirrored pass
    int images, joints, H, W;
};

#define HEAT_ARGUMENTS                                                                       \
    const float *low, int low_h, int low_w, const float *high, int high_h, int high_w,       \
        const int *mirror, int images, int joints, int H, int W
#define HEAT {low, low_h, low_w, high, high_h, high_w, mirror, images, joints, H, W}

__device__ __forceinline__ float stages_at(
    const Heat& heat, int image, int joint, int y, int x, bool mirrored) {
    size_t fine = ((size_t)image * heat.joints + joint) * heat.high_h * heat.high_w;
    Map high = map_of(heat.high + fine, heat.high_h, heat.high_w, heat.H, heat.W);
    float second = value_at(high, y, x, mirrored);
    if (!heat.low) return second;
    size_t coarse = ((size_t)image * 2 * heat.joints + joint) * heat.low_h * heat.low_w;
    Map low = map_of(heat.low + coarse, heat.low_h, heat.low_w, heat.H, heat.W);
    return (value_at(low, y, x, mirrored) + second) / 2.0f;
}

__device__ __forceinline__ float heat_at(const Heat& heat, int image, int joint, int y, int x) {
    float plain = stages_at(heat, image, joint, y, x, false);
    if (!heat.mirror) return plain;
    int other = heat.mirror[joint];
    return (plain + stages_at(heat, heat.images + image, other, y, x, true)) / 2.0f;
}

// Tags of B images: T maps per joint, the second one mirrored where there is a permutation.
struct Tags {
    const float* first;  // map of image 0, joint 0, tag 0
    int h, w;
    long long per_image, per_tag;  // floats from one image, and from one tag, to the next
    int count;                     // T
    const int* mirror;             // (K,) as in Heat; null: the maps are as they should be
    int H, W;
};

#define TAG_ARGUMENTS                                                                        \
    const float *first_tag, int tag_h, int tag_w, long long tag_per_image,                   \
        long long tag_per_tag, int tag_count, const int *tag_mirror
#define TAGS {first_tag, tag_h, tag_w, tag_per_image, tag_per_tag, tag_count, tag_mirror, H, W}

__device__ __forceinline__ Map tag_map(const Tags& tags, int image, int joint, int t) {
    int channel = t && tags.mirror ? tags.mirror[joint] : joint;
    const float* cells = tags.first + (size_t)image * tags.per_image + t * tags.per_tag +
                         (size_t)channel * tags.h * tags.w;
    return map_of(cells, tags.h, tags.w, tags.H, tags.W);
}

__device__ __forceinline__ float tag_at(
    const Tags& tags, int image, int joint, int t, int y, int x) {
    return value_at(tag_map(tags, image, joint, t), y, x, t && tags.mirror);
}

// A value and its cell in one number: the larger value wins, of equal ones the first in raster
// order. Whatever order cells are looked at in, the largest rank is the same.
__device__ __forceinline__ Rank rank_of(float value, int cell) {
    unsigned bits = __float_as_uint(value + 0.0f);  // -0 is equal to 0
    unsigned ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (Rank)ordered << 32 | (0xffffffffu - (unsigned)cell);
}

__device__ __forceinline__ int cell_of(Rank rank) {
    return (int)(0xffffffffu - (unsigned)rank);
}

__device__ __forceinline__ float value_of(Rank rank) {
    unsigned ordered = (unsigned)(rank >> 32);
    return __uint_as_float(ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered);
}

// The largest rank of a warp, in every lane.
__device__ __forceinline__ Rank largest_of_warp(Rank rank) {
    for (int step = 16; step; step /= 2) {
        Rank other = __shfl_xor_sync(0xffffffffu, rank, step);
        rank = other > rank ? other : rank;
    }
    return rank;
}
