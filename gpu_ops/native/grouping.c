/* From peaks and their tags to people, step by step as engine/decoding/grouping.py and
   assignment.py: costs tie often, and which of equal assignments is taken decides about people.
   Read by gpu_ops/cpu_grouping.py. Sums and products as in patches.c.

   Method: Newell et al. 2017; Munkres 1957. */

#include "maps.h"

#define NO_GROUP 1e10 /* cost of founding a new group */

typedef struct {
    double *cost; /* (size, size) reduced costs */
    int size;
    int *star, *starred_row; /* column of the star in each row and the other way, -1: none */
    int *prime, *covered_row, *covered_column;
} Matching;

static int open_zero(const Matching *m, int row, int column) {
    return !m->covered_row[row] && !m->covered_column[column] &&
           m->cost[(size_t)row * m->size + column] == 0;
}

/* Rows from the top take their first zero in a column not taken yet. Returns how many did. */
static int first_stars(const Matching *m) {
    int stars = 0;
    for (int i = 0; i < m->size; i++) m->star[i] = m->starred_row[i] = -1;
    for (int row = 0; row < m->size; row++)
        for (int column = 0; column < m->size && m->star[row] < 0; column++)
            if (m->starred_row[column] < 0 && m->cost[(size_t)row * m->size + column] == 0)
                m->star[row] = column, m->starred_row[column] = row, stars++;
    return stars;
}

/* The first row, from `row` on and around, with an uncovered zero, or -1; and its last one in the
   column order column, ..., size - 1, 0, ..., column - 1. */
static int next_zero(const Matching *m, int row, int *column) {
    for (int away = 0; away < m->size; away++) {
        int candidate = (row + away) % m->size;
        for (int back = 1; back <= m->size; back++) {
            int at = (*column - back + m->size) % m->size;
            if (open_zero(m, candidate, at)) return *column = at, candidate;
        }
    }
    return -1;
}

/* Shift costs so that a new uncovered zero appears. Cells in a covered row and an uncovered
   column are raised and lowered again: the rounding is part of the ties. */
static void make_zero(const Matching *m) {
    double least = INFINITY;
    for (int row = 0; row < m->size; row++)
        for (int column = 0; column < m->size; column++) {
            double cost = m->cost[(size_t)row * m->size + column];
            if (!m->covered_row[row] && !m->covered_column[column] && cost < least) least = cost;
        }
    for (int row = 0; row < m->size; row++)
        for (int column = 0; column < m->size; column++) {
            double *cost = m->cost + (size_t)row * m->size + column;
            if (m->covered_row[row]) *cost += least;
            if (!m->covered_column[column]) *cost -= least;
        }
}

/* Star one more row: prime uncovered zeros until one lies in a row without a star, and swap stars
   and primes along the path that begins there. */
static void star_one(const Matching *m) {
    for (int i = 0; i < m->size; i++)
        m->covered_row[i] = 0, m->covered_column[i] = m->starred_row[i] >= 0;
    int row = 0, column = 0;
    for (;;) {
        int next = next_zero(m, row, &column);
        if (next < 0) {
            make_zero(m);
            row = column = 0;
            continue;
        }
        row = next;
        m->prime[row] = column;
        if (m->star[row] < 0) break;
        column = m->star[row];
        m->covered_row[row] = 1, m->covered_column[column] = 0;
    }
    while (row >= 0) {
        int holder = m->starred_row[m->prime[row]];
        m->star[row] = m->prime[row], m->starred_row[m->prime[row]] = row;
        row = holder;
    }
}

typedef struct {
    int joints, tags_each, count;
    int *members; /* (room, joints) candidate of each joint, -1: none */
    int *joined;  /* (room,) how many tags */
    float *key;   /* (room,) first tag of the founding joint */
    float *tags;  /* (room, joints, tags_each) in the order in which they joined */
    float *mean;  /* (room, tags_each) */
} Groups;

/* Mean of n tags, component t, with the order of additions of numpy.add.reduce: of one component
   eight running sums, of two one after another. */
static float mean_of(const float *tags, int n, int t, int tags_each) {
    float sum = tags[t];
    int i = 1;
    if (tags_each == 1 && n >= 8) {
        float part[8];
        memcpy(part, tags, sizeof part);
        for (i = 8; i + 8 <= n; i += 8)
            for (int j = 0; j < 8; j++) part[j] += tags[i + j];
        sum = ((part[0] + part[1]) + (part[2] + part[3])) +
              ((part[4] + part[5]) + (part[6] + part[7]));
    }
    for (; i < n; i++) sum += tags[i * tags_each + t];
    return sum / (float)n;
}

static double distance(const float *tag, const float *mean, int tags_each) {
    double sum = 0;
    for (int t = 0; t < tags_each; t++) {
        double apart = (double)tag[t] - (double)mean[t];
        sum += apart * apart;
    }
    return sqrt(sum);
}

/* Assign candidates (the rows) to groups; beyond the groups, columns found a new one. */
static void match(const Matching *m, const Groups *groups, int known, int rows, const float *score,
                  const float *tag) {
    for (int row = 0; row < m->size; row++) {
        double *cost = m->cost + (size_t)row * m->size, least = INFINITY;
        for (int column = 0; column < m->size; column++) {
            double away = row < rows && column < known
                              ? distance(tag + row * groups->tags_each,
                                         groups->mean + column * groups->tags_each,
                                         groups->tags_each)
                              : 0;
            double value = rint(away) * 100 - (double)score[row < rows ? row : 0];
            cost[column] = row >= rows ? 0 : column < known ? value : NO_GROUP;
            least = cost[column] < least ? cost[column] : least;
        }
        for (int column = 0; column < m->size; column++) cost[column] -= least;
    }
    for (int stars = first_stars(m); stars < m->size; stars++) star_one(m);
}

static void join(Groups *groups, int group, int joint, int candidate, const float *tag) {
    size_t place = (size_t)group * groups->joints + groups->joined[group]++;
    groups->members[group * groups->joints + joint] = candidate;
    memcpy(groups->tags + place * groups->tags_each, tag, groups->tags_each * sizeof *tag);
}

/* (Re)start the group with this first tag, or a new one: bit-equal tags share a group. */
static void found(Groups *groups, int joint, int candidate, const float *tag) {
    int group = 0;
    while (group < groups->count && groups->key[group] != tag[0]) group++;
    if (group == groups->count) {
        groups->count++;
        groups->key[group] = tag[0];
        for (int i = 0; i < groups->joints; i++) groups->members[group * groups->joints + i] = -1;
    }
    groups->joined[group] = 0;
    join(groups, group, joint, candidate, tag);
}

/* Group the peaks of one image. Returns the number of people.

   score: (joints, most), best first, 0 where there is none; tag: (joints, most, tags_each);
   order: the joints in the order of matching; reach: tags closer than this belong together;
   most_known: groups that candidates are matched with.
   members: (joints * most, joints) which peak each person's joint is.
   doubles: (size, size) with size = joints * most; ints: (6, size); floats: (size, 1 + tags_each *
   (joints + 1)), all to work in. */
EXPORTED int posestream_group(int joints, int most, int tags_each, const float *score,
                              const float *tag, const int *order, double reach, int most_known,
                              int *members, double *doubles, int *ints, float *floats) {
    int room = joints * most;
    Matching m = {doubles, 0, ints, ints + room, ints + 2 * room, ints + 3 * room, ints + 4 * room};
    Groups groups = {joints, tags_each, 0, members, ints + 5 * room, floats, floats + room,
                     floats + room + (size_t)room * joints * tags_each};
    for (int step = 0; step < joints; step++) {
        int joint = order[step], rows = 0, known = groups.count;
        const float *own_score = score + joint * most, *own = tag + joint * most * tags_each;
        while (rows < most && own_score[rows] > 0) rows++;
        if (known > most_known) known = most_known;
        for (int i = 0; i < known * tags_each; i++)
            groups.mean[i] =
                mean_of(groups.tags + (size_t)(i / tags_each) * joints * tags_each,
                        groups.joined[i / tags_each], i % tags_each, tags_each);
        m.size = rows > known ? rows : known;
        if (rows && known) match(&m, &groups, known, rows, own_score, own);
        for (int row = 0; row < rows; row++, own += tags_each) {
            int group = known ? m.star[row] : known;
            if (group < known &&
                distance(own, groups.mean + group * tags_each, tags_each) < reach)
                join(&groups, group, joint, row, own);
            else
                found(&groups, joint, row, own);
        }
    }
    return groups.count;
}
