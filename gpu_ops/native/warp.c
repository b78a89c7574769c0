/* Bytes to the network's numbers. Called from gpu_ops/cpu_compiled.py. */

#include "maps.h"

/* bytes: (pixels, 3); table: (3, 256); out: (pixels, 3). */
EXPORTED void posestream_normalise(const unsigned char *bytes, long long pixels,
                                   const float *restrict table, float *restrict out) {
    for (long long i = 0; i < pixels; i++, bytes += 3, out += 3) {
        out[0] = table[bytes[0]];
        out[1] = table[256 + bytes[1]];
        out[2] = table[512 + bytes[2]];
    }
}
