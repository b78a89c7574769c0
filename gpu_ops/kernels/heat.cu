// Heat written out: for several scales, which are averaged, and for callers that need the map.
// One thread per cell, one grid layer per (image, joint).
#include "maps.cuh"

// out (B*K, H, W) float32. `add` adds to what is there; the sum is divided by `scales`.
extern "C" __global__ void fill_heat(HEAT_ARGUMENTS, float* out, int add, float scales) {
    Heat heat = HEAT;
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= W || y >= H) return;
    int map = blockIdx.z;
    float* cell = out + ((size_t)map * H + y) * W + x;
    float value = heat_at(heat, map / joints, map % joints, y, x);
    if (add) value = *cell + value;
    *cell = scales == 1.0f ? value : value / scales;
}
