// From peaks and their tags to people: associative embedding, one block per image.
// Joint types are matched one after another against the groups found so far. Costs tie often, so
// the assignment follows the Munkres procedure step by step, in double precision; the readable
// twins are engine/grouping.py and engine/assignment.py, and the people are the same bit by bit.

#define THREADS 128
#define WARPS (THREADS / 32)
#define NO_GROUP 1e10
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

struct Groups {
    float* key;    // (most,) first tag of the founding joint
    int* members;  // (most, joints) candidate of each joint, -1: none
    float* tags;   // (most, joints, T) tags in the order in which they joined
    int* joined;   // (most,) how many
    float* mean;   // (most, T)
    int joints, tags_each;
};

// Mean of n tags, component t, with the order of additions of numpy.add.reduce: of one component
// eight running sums, of two one after another.
__device__ float mean_of(const float* tags, int n, int t, int tags_each) {
    float sum = tags[t];
    int i = 1;
    if (tags_each == 1 && n >= 8) {
        float part[8];
        for (int j = 0; j < 8; j++) part[j] = tags[j];
        for (i = 8; i + 8 <= n; i += 8)
            for (int j = 0; j < 8; j++) part[j] += tags[i + j];
        sum = ((part[0] + part[1]) + (part[2] + part[3])) +
              ((part[4] + part[5]) + (part[6] + part[7]));
    }
    for (; i < n; i++) sum += tags[i * tags_each + t];
    return sum / (float)n;
}

__device__ double distance_to(const float* tag, const float* mean, int tags_each) {
    double sum = 0.0;
    for (int t = 0; t < tags_each; t++) {
        double apart = (double)tag[t] - (double)mean[t];
        sum += apart * apart;
    }
    return sqrt(sum);
}

__device__ __forceinline__ double smallest_of_warp(double value) {
    for (int step = 16; step; step /= 2) {
        double other = __shfl_xor_sync(0xffffffffu, value, step);
        value = other < value ? other : value;
    }
    return value;
}

// Fills the matrix: a warp per row; rows beyond the candidates are 0, columns beyond the groups
// found a new one. Other threads may read it after the next barrier.
__device__ void fill_costs(
    const Matching& m, const Groups& groups, const float* score, const float* tag, int rows,
    int known) {
    int lane = threadIdx.x % 32;
    for (int row = threadIdx.x / 32; row < m.size; row += WARPS) {
        double* cost = m.cost + (size_t)row * m.size;
        double least = LARGEST;
        for (int c = lane; c < m.size; c += 32) {
            double value = NO_GROUP;
            if (row >= rows) {
                value = 0.0;
            } else if (c < known) {
                const float* mean = groups.mean + c * groups.tags_each;
                double away = distance_to(tag + row * groups.tags_each, mean, groups.tags_each);
                value = rint(away) * 100.0 - (double)score[row];
            }
            cost[c] = value;
            least = value < least ? value : least;
        }
        least = smallest_of_warp(least);
        for (int c = lane; c < m.size; c += 32) cost[c] -= least;
    }
}

// Rows from the top take their first zero in a column that nobody has taken yet; the first warp.
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

// Puts a joint into the group with its first tag, or into a new one; bit-equal tags share a group.
__device__ void found_group(
    const Groups& groups, int* count, int joint, int candidate, const float* tag) {
    int lane = threadIdx.x, group = -1, have = *count;
    for (int base = 0; base < have && group < 0; base += 32) {
        int g = base + lane;
        unsigned same = __ballot_sync(0xffffffffu, g < have && groups.key[g] == tag[0]);
        if (same) group = base + __ffs(same) - 1;
    }
    __syncwarp();
    if (lane == 0) {
        if (group < 0) {
            group = (*count)++;
            groups.key[group] = tag[0];
            for (int j = 0; j < groups.joints; j++)
                groups.members[(size_t)group * groups.joints + j] = -1;
        }
        groups.members[(size_t)group * groups.joints + joint] = candidate;
        groups.joined[group] = 1;
        for (int t = 0; t < groups.tags_each; t++)
            groups.tags[(size_t)group * groups.joints * groups.tags_each + t] = tag[t];
    }
    __syncwarp();
}

__device__ void join_group(
    const Groups& groups, int group, int joint, int candidate, const float* tag) {
    if (threadIdx.x == 0) {
        groups.members[(size_t)group * groups.joints + joint] = candidate;
        size_t place = (size_t)group * groups.joints + groups.joined[group]++;
        for (int t = 0; t < groups.tags_each; t++)
            groups.tags[place * groups.tags_each + t] = tag[t];
    }
    __syncwarp();
}

// Each candidate, in order, joins the group it was assigned to or founds one; the first warp.
__device__ void settle(
    const Matching& m, const Groups& groups, int* count, int joint, const float* tag, int rows,
    int known, double reach) {
    for (int row = 0; row < rows; row++) {
        const float* own = tag + row * groups.tags_each;
        int group = known ? m.star[row] : known;
        bool near = group < known &&
                    distance_to(own, groups.mean + group * groups.tags_each, groups.tags_each) <
                        reach;
        if (near)
            join_group(groups, group, joint, row, own);
        else
            found_group(groups, count, joint, row, own);
    }
}

// The members as cells, and the mean tag of each person over its joints.
__device__ void write_people(
    const Groups& groups, int count, const int* cell, const float* tag, int most, float* mean) {
    for (int person = threadIdx.x; person < count; person += THREADS) {
        int* members = groups.members + (size_t)person * groups.joints;
        float* tags = groups.tags + (size_t)person * groups.joints * groups.tags_each;
        int found = 0;
        for (int joint = 0; joint < groups.joints; joint++) {
            if (members[joint] < 0) continue;
            int peak = joint * most + members[joint];
            members[joint] = cell[peak];
            for (int t = 0; t < groups.tags_each; t++)
                tags[found * groups.tags_each + t] = tag[peak * groups.tags_each + t];
            found++;
        }
        for (int t = 0; t < groups.tags_each; t++)
            mean[person * groups.tags_each + t] = mean_of(tags, found, t, groups.tags_each);
    }
}

// cell, score (B, K, most), tag (B, K, most, T) as peaks.cu and tags.cu wrote them; order (K,).
// count (B,) people; people (B, K * most, K) their cells, -1 for none; person_tag (B, K * most, T).
// Scratch for each image: doubles (size * size), floats (K * most, 1 + K * T + T),
// ints (5 * size + K * most).
extern "C" __global__ void group_peaks(
    const int* cell, const float* score, const float* tag, const int* order, int joints, int most,
    int tags_each, double reach, int most_known, int size, double* doubles, float* floats,
    int* ints, int* count, int* people, float* person_tag) {
    int image = blockIdx.x, room = joints * most;
    cell += (size_t)image * room;
    score += (size_t)image * room;
    tag += (size_t)image * room * tags_each;
    floats += (size_t)image * room * (1 + joints * tags_each + tags_each);
    ints += (size_t)image * (5 * size + room);
    Matching m = {doubles + (size_t)image * size * size, ints, ints + size, ints + 2 * size,
                  ints + 3 * size, ints + 4 * size, 0};
    Groups groups = {floats, people + (size_t)image * room * joints, floats + room,
                     ints + 5 * size, floats + (size_t)room * (1 + joints * tags_each), joints,
                     tags_each};
    __shared__ int found;
    if (threadIdx.x == 0) found = 0;
    __syncthreads();
    for (int step = 0; step < joints; step++) {
        int joint = order[step], rows = 0;
        const float* own_score = score + joint * most;
        const float* own_tag = tag + (size_t)joint * most * tags_each;
        while (rows < most && own_score[rows] > 0.0f) rows++;
        if (!rows) continue;  // the same for the whole block
        int known = min(found, most_known);
        for (int i = threadIdx.x; i < known * tags_each; i += THREADS) {
            const float* tags = groups.tags + (size_t)(i / tags_each) * joints * tags_each;
            groups.mean[i] =
                mean_of(tags, groups.joined[i / tags_each], i % tags_each, tags_each);
        }
        __syncthreads();
        if (known) {
            m.size = max(rows, known);
            fill_costs(m, groups, own_score, own_tag, rows, known);
            solve(m);
        }
        if (threadIdx.x < 32)
            settle(m, groups, &found, joint, own_tag, rows, known, reach);
        __syncthreads();
    }
    write_people(groups, found, cell, tag, most, person_tag + (size_t)image * room * tags_each);
    if (threadIdx.x == 0) count[image] = found;
}
