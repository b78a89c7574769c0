/* Estimates of the fine cells between those of the network's maps. */

#include "maps.h"

/* The fine cells of cell (y, x) of a low map. */
static inline void finer_low(Plane map, long long y, long long x, float out[BLOCK][BLOCK]) {
    float rows[3][BLOCK];
    long long left = within(x - 1, map.w) * map.cell, right = within(x + 1, map.w) * map.cell;
    for (int row = 0; row < 3; row++) {
        const float *line = row_of(map, y + row - 1);
        const float cells[3] = {line[left], line[x * map.cell], line[right]};
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
static inline void fine_heat(const Maps *maps, long long plane, long long y, long long x,
                      float out[BLOCK][BLOCK]) {
    finer_low(low_plane(maps, plane, 0), y, x, out);
    Plane map = high_plane(maps, plane);
    float rows[BLOCK][BLOCK];
    for (int row = 0; row < BLOCK; row++) {
        const float *line = row_of(map, 2 * y + row - 1);
        float cells[BLOCK];
        for (int column = 0; column < BLOCK; column++)
            cells[column] = line[within(2 * x + column - 1, map.w) * map.cell];
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
