/* Above what no heat in a block is, and the module. Called from gpu_ops/cpu_compiled.py. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "maps.h"

/* Largest of some rows, number by number, and at each end the cell there once more. */
static inline void largest_of_rows(const float *const rows[], int count, long long length,
                                   long long cell, float *out, float *sizes) {
    const float *a = rows[0], *b = rows[1], *c = rows[count - 2], *d = rows[count - 1];
    float *inner = out + cell;
    for (long long i = 0; i < length; i++) {
        inner[i] = larger(larger(a[i], b[i]), larger(c[i], d[i]));
        sizes[i] = larger(sizes[i], larger(fabsf(b[i]), fabsf(c[i])));
    }
    memcpy(out, inner, cell * sizeof *out);
    memcpy(inner + length, inner + length - cell, cell * sizeof *out);
}

/* The mean of the largest of three cells of a low map and of four of a high one. */
static inline float top_of(const float *low, const float *high, long long low_cell,
                           long long high_cell) {
    float coarse = larger(larger(low[0], low[low_cell]), low[2 * low_cell]);
    float fine = larger(larger(high[0], high[high_cell]),
                        larger(high[2 * high_cell], high[3 * high_cell]));
    return 0.5f * (coarse + fine);
}

WIDE static void tops_of_cells(const float *restrict low, const float *restrict high,
                                 long long count, long long low_cell, long long high_cell,
                                 float *restrict top) {
    for (long long i = 0; i < count; i++)
        top[i] = top_of(low + i, high + i, low_cell, high_cell);
}

/* Tops of row y of `together` maps from a plane on, which lie between one another's cells.

   memory: as of posestream_tops. Inlined with constants where maps lie one after another. */
static inline void tops_of_row(const Maps *maps, long long plane, long long y, long long together,
                               long long low_cell, long long high_cell, float *memory) {
    long long w = maps->w, low_length = w * low_cell, high_length = 2 * w * high_cell;
    Plane low = low_plane(maps, plane, 0), high = high_plane(maps, plane);
    low.cell = low_cell, high.cell = high_cell;
    float *low_sizes = memory, *high_sizes = low_sizes + low_length;
    float *coarse = high_sizes + high_length, *fine = coarse + low_length + 2 * low_cell;
    float *restrict line = fine + high_length + 3 * high_cell;
    float *top = maps->tops + (plane * maps->h + y) * w;
    const float *three[] = {row_of(low, y - 1), row_of(low, y), row_of(low, y + 1)};
    const float *four[] = {row_of(high, 2 * y - 1), row_of(high, 2 * y), row_of(high, 2 * y + 1),
                           row_of(high, 2 * y + 2)};
    largest_of_rows(three, 3, low_length, low_cell, coarse, low_sizes);
    largest_of_rows(four, 4, high_length, high_cell, fine, high_sizes);
    if (together == 1) {
        for (long long x = 0; x < w; x++) top[x] = top_of(coarse + x, fine + 2 * x, 1, 1);
        return;
    }
    /* Two cells of the high maps are as long as one of the low maps, of which half are tags. What
       this makes of these is left out: one loop without gaps takes less time. */
    tops_of_cells(coarse, fine, low_length, low_cell, high_cell, line);
    for (long long map = 0; map < together; map++, top += maps->h * w)
        for (long long x = 0; x < w; x++) top[x] = line[x * low_cell + map];
}

/* Fill in the tops, and return the largest |heat| of both stages.

   memory: ((3w + 2) * low_cell + (4w + 3) * high_cell) to work in. */
EXPORTED WIDE float posestream_tops(const Maps *maps, float *memory) {
    long long sizes = maps->w * (maps->low_cell + 2 * maps->high_cell), low = maps->low_cell;
    int last = low > 1;
    for (long long i = 0; i < sizes; i++) memory[i] = 0;
    for (long long plane = 0; plane < maps->planes; plane += last ? maps->joints : 1)
        for (long long y = 0; y < maps->h; y++)
            if (last)
                tops_of_row(maps, plane, y, maps->joints, low, maps->high_cell, memory);
            else
                tops_of_row(maps, plane, y, 1, 1, 1, memory);
    if (last) /* what lies between the heat is tags */
        for (long long i = 0; i < maps->w * low; i++)
            if (i % low >= maps->joints) memory[i] = 0;
    return largest_of(memory, sizes);
}

/* Of all functions and what they take; VERSION of compiled_file.py. */
EXPORTED int posestream_version(void) { return 12; }

/* The address of an array's numbers; others as they are. NULL where they do not lie together. */
static PyObject *address_of(PyObject *argument) {
    Py_buffer numbers;
    if (PyLong_Check(argument) || PyFloat_Check(argument) || !PyObject_CheckBuffer(argument))
        return Py_NewRef(argument);
    if (PyObject_GetBuffer(argument, &numbers, PyBUF_C_CONTIGUOUS) < 0) return NULL;
    PyObject *address = numbers.ndim ? PyLong_FromVoidPtr(numbers.buf) : Py_NewRef(argument);
    PyBuffer_Release(&numbers);
    return address;
}

/* A tuple of arguments with addresses in place of arrays, a tenth of the time that their own
   attributes take. */
EXPORTED PyObject *posestream_addresses(PyObject *arguments) {
    PyObject *out = PyTuple_New(PyTuple_Size(arguments));
    for (Py_ssize_t i = 0; out && i < PyTuple_Size(arguments); i++) {
        PyObject *address = address_of(PyTuple_GetItem(arguments, i));
        if (address)
            PyTuple_SetItem(out, i, address);
        else
            Py_CLEAR(out);
    }
    return out;
}

/* Python imports this file as a module to find it; the functions are called through ctypes. */
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_blocks", NULL, -1, NULL,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__blocks(void) { return PyModule_Create(&module); }
