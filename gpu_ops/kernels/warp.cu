// Images into the network's input: affine, bilinear, black outside, normalised; one launch a batch.
// One thread per input pixel, one grid layer per image. The positions are those of
// cv2.warpAffine, rounded to 1/32 pixel, and the bytes come out equal to its bytes.
// Normalised bytes are looked up: `normal` (3, 256) holds them in the network's own precision.

struct Image {
    double inverse[6];  // from input to image pixel indices, row by row
    int w, h;
    const unsigned char* rgb;  // (h, w, 3)
};

__device__ __forceinline__ int place_of(const double* row, int x, int y) {
    // 1/1024 pixel, the two terms rounded apart, as OpenCV does; +16 rounds to 1/32.
    int along = __double2int_rn(row[0] * x * 1024.0);
    int start = __double2int_rn((row[1] * y + row[2]) * 1024.0);
    return (start + 16 + along) >> 5;
}

template <class Value>
__device__ __forceinline__ void warp(
    const Image* images, const Value* normal, Value* input, int W, int H, int count, int mirrored,
    int per_pixel, int per_channel) {
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= W || y >= H) return;
    Image image = images[blockIdx.z];
    int u = place_of(image.inverse, x, y), v = place_of(image.inverse + 3, x, y);
    int right = u & 31, lower = v & 31, x0 = u >> 5, y0 = v >> 5;
    int sum[3] = {512, 512, 512};  // half of 32 * 32, to round
    for (int corner = 0; corner < 4; corner++) {
        int sx = x0 + (corner & 1), sy = y0 + (corner >> 1);
        if (sx < 0 || sx >= image.w || sy < 0 || sy >= image.h) continue;
        int weight = (corner & 1 ? right : 32 - right) * (corner >> 1 ? lower : 32 - lower);
        const unsigned char* rgb = image.rgb + ((size_t)sy * image.w + sx) * 3;
        for (int c = 0; c < 3; c++) sum[c] += weight * rgb[c];
    }
    size_t plane = (size_t)3 * H * W;
    Value* own = input + blockIdx.z * plane;
    Value* other = own + count * plane;
    for (int c = 0; c < 3; c++) {
        Value value = normal[c * 256 + (sum[c] >> 10)];
        own[((size_t)y * W + x) * per_pixel + (size_t)c * per_channel] = value;
        if (mirrored) other[((size_t)y * W + W - 1 - x) * per_pixel + (size_t)c * per_channel] = value;
    }
}

// input (B, 3, H, W), or (2B, 3, H, W) with the mirrored images last, fp16 or bf16.
extern "C" __global__ void warp_half(
    const Image* images, const unsigned short* normal, unsigned short* input, int W, int H,
    int count, int mirrored, int per_pixel, int per_channel) {
    warp(images, normal, input, W, H, count, mirrored, per_pixel, per_channel);
}

// The same in fp32.
extern "C" __global__ void warp_float(
    const Image* images, const unsigned* normal, unsigned* input, int W, int H, int count,
    int mirrored, int per_pixel, int per_channel) {
    warp(images, normal, input, W, H, count, mirrored, per_pixel, per_channel);
}
