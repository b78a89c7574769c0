// The Munkres procedure, step by step as engine/decoding/assignment.py: costs tie often, and which of the
// equal assignments is taken decides about people. One block; all threads call `solve`.
// Method: Munkres, "Algorithms for the Assignment and Transportation Problems", 1957.

#define THREADS 128
#define WARPS (THREADS / 32)
#define LARGEST 1e300

// What one image's block works with; `size` is the number of columns, `cost` is size * size.
struct Matching {
    double* cost;      // reduced costs, row by row
    int* star;         // (size,) starred column of each row, -1: none
    int* starred_row;  // (size,) row of the star in each column, -1: none
    int* prime;        // (size,) primed column of each row
    int* covered_row;
    int* covered_column;
    int size;
};

__device__ __forceinline__ double smallest_of_warp(double value) {
    for (int step = 16; step; step /= 2) {
        double other = __shfl_xor_sync(0xffffffffu, value, step);
        value = other < value ? other : value;
    }
    return value;
}

// Rows from the top take their first zero in a column not taken yet; the first warp.
__device__ void first_stars(const Matching& m) {
    int lane = threadIdx.x;
    for (int row = 0; row < m.size; row++) {
        int taken = -1;
        for (int base = 0; base < m.size && taken < 0; base += 32) {
            int c = base + lane;
            bool free = c < m.size && m.starred_row[c] < 0;
            unsigned zeros =
                __ballot_sync(0xffffffffu, free && m.cost[(size_t)row * m.size + c] == 0.0);
            if (zeros) taken = base + __ffs(zeros) - 1;
        }
        if (lane == 0) {
            m.star[row] = taken;
            if (taken >= 0) m.starred_row[taken] = row;
        }
        __syncwarp();
    }
}

__device__ __forceinline__ bool open_zero(const Matching& m, int row, int column) {
    return !m.covered_row[row] && !m.covered_column[column] &&
           m.cost[(size_t)row * m.size + column] == 0.0;
}

// The first row from `row` on and around that has an uncovered zero, or -1; for all threads.
__device__ int next_row(const Matching& m, int row) {
    __shared__ int nearest;
    if (threadIdx.x == 0) nearest = m.size;
    __syncthreads();
    for (int away = threadIdx.x / 32; away < m.size; away += WARPS) {
        int candidate = (row + away) % m.size;
        bool found = false;
        for (int base = 0; base < m.size; base += 32) {
            int c = base + threadIdx.x % 32;
            found |= c < m.size && open_zero(m, candidate, c);
        }
        if (__ballot_sync(0xffffffffu, found)) {
            if (threadIdx.x % 32 == 0) atomicMin(&nearest, away);
            break;  // this warp's later rows are further away
        }
    }
    __syncthreads();
    int away = nearest;
    __syncthreads();
    return away < m.size ? (row + away) % m.size : -1;
}

// Its last uncovered zero in the column order column, ..., n - 1, 0, ..., column - 1.
__device__ int last_zero(const Matching& m, int row, int column) {
    __shared__ int before, anywhere;
    if (threadIdx.x == 0) before = anywhere = -1;
    __syncthreads();
    for (int c = threadIdx.x; c < m.size; c += THREADS) {
        if (!open_zero(m, row, c)) continue;
        atomicMax(&anywhere, c);
        if (c < column) atomicMax(&before, c);
    }
    __syncthreads();
    int chosen = before >= 0 ? before : anywhere;
    __syncthreads();
    return chosen;
}

// Shifts costs so that a new uncovered zero appears. Cells in a covered row and an uncovered
// column are raised and lowered again: the rounding is part of the ties.
__device__ void make_zero(const Matching& m) {
    __shared__ double smallest[WARPS];
    double own = LARGEST;
    for (int i = threadIdx.x; i < m.size * m.size; i += THREADS)
        if (!m.covered_row[i / m.size] && !m.covered_column[i % m.size])
            own = m.cost[i] < own ? m.cost[i] : own;
    own = smallest_of_warp(own);
    if (threadIdx.x % 32 == 0) smallest[threadIdx.x / 32] = own;
    __syncthreads();
    double shift = smallest[0];
    for (int w = 1; w < WARPS; w++) shift = smallest[w] < shift ? smallest[w] : shift;
    for (int i = threadIdx.x; i < m.size * m.size; i += THREADS) {
        double value = m.cost[i];
        if (m.covered_row[i / m.size]) value += shift;
        if (!m.covered_column[i % m.size]) value -= shift;
        m.cost[i] = value;
    }
    __syncthreads();
}

// Swaps stars and primes along the path that begins at the last prime; one thread.
__device__ void augment(const Matching& m, int row) {
    while (row >= 0) {
        int column = m.prime[row];
        int holder = m.starred_row[column];
        m.star[row] = column;
        m.starred_row[column] = row;
        row = holder;
    }
}

// Stars one more row.
__device__ void star_one(const Matching& m) {
    for (int i = threadIdx.x; i < m.size; i += THREADS) {
        m.covered_row[i] = 0;
        m.covered_column[i] = m.starred_row[i] >= 0;
    }
    __syncthreads();
    int row = 0, column = 0;
    for (;;) {
        int next = next_row(m, row);
        if (next < 0) {
            make_zero(m);
            row = column = 0;
            continue;
        }
        row = next;
        int starred = m.star[row];  // before the barriers of last_zero: it may change after them
        column = last_zero(m, row, column);
        if (threadIdx.x == 0) {
            m.prime[row] = column;
            if (starred < 0) {
                augment(m, row);
            } else {
                m.covered_row[row] = 1;
                m.covered_column[starred] = 0;
            }
        }
        bool over = __syncthreads_or(starred < 0);
        if (over) return;
        column = starred;
    }
}

__device__ void solve(const Matching& m) {
    for (int i = threadIdx.x; i < m.size; i += THREADS) m.starred_row[i] = -1;
    __syncthreads();
    if (threadIdx.x < 32) first_stars(m);
    for (;;) {
        __syncthreads();
        bool missing = false;
        for (int i = threadIdx.x; i < m.size; i += THREADS) missing |= m.star[i] < 0;
        if (!__syncthreads_or(missing)) return;
        star_one(m);
    }
}
