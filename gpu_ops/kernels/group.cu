// From peaks and their tags to people: associative embedding, one block per image.
// Joint types are matched one after another against the groups found so far, in double precision.
// The readable twin is engine/decoding/grouping.py, and the people are the same bit by bit.

#include "assign.cuh"

#define NO_GROUP 1e10

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
