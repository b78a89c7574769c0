/* The One-Euro filters of the people of one frame, with the roundings of
   engine/tracking/smoothing.py. Called from engine/tracking/compiled.py. */

#include "people.h"

/* What is remembered of people, of whom `rows` are in the frame, and the settings. */
typedef struct {
    long long people, joints;
    const long long *rows; /* (people,) */
    double *xy, *raw, *speed; /* (remembered, joints, 2) */
    double *seen;             /* (remembered, joints) */
    double *drift;            /* (remembered, 2) */
    double *size, *time;      /* (remembered,) */
    double now, max_gap, turn; /* turn: 2 pi */
    double size_cutoff, body_cutoff, speed_cutoff, min_cutoff, beta, carried;
    long long enough;
} Filters;

static inline double weight(const Filters *filters, double cutoff, double dt) {
    double turn = filters->turn * cutoff * dt;
    return turn / (turn + 1);
}

/* Update the drift of a body by the median velocity of its joints.

   velocity: (count, 2) of those that moved; dt: the least time since one was measured. */
static void follow(const Filters *filters, const double *velocity, long long count, double dt,
                   double *drift, double *memory) {
    double share = weight(filters, filters->body_cutoff, dt);
    for (int axis = 0; axis < 2; axis++)
        drift[axis] += share * (median_of(velocity + axis, count, 2, memory) - drift[axis]);
}

/* Take in the measurements of the joints in `moved`, (count,).

   velocity: (joints, 2) and memory: (joints,) to work in. */
static void step(const Filters *filters, long long row, const double *measured,
                 const long long *moved, long long count, double *velocity, double *memory) {
    const long long first = row * filters->joints;
    const double *seen = filters->seen + first, size = filters->size[row];
    double *drift = filters->drift + 2 * row, least = INFINITY;
    for (long long i = 0; i < count; i++) {
        double dt = filters->now - seen[moved[i]];
        const double *raw = filters->raw + 2 * (first + moved[i]);
        for (int axis = 0; axis < 2; axis++)
            velocity[2 * i + axis] = (measured[2 * moved[i] + axis] - raw[axis]) / dt;
        least = smaller_of(least, dt);
    }
    if (count >= filters->enough) follow(filters, velocity, count, least, drift, memory);
    for (long long i = 0; i < count; i++, velocity += 2) {
        const double *now = measured + 2 * moved[i];
        double dt = filters->now - seen[moved[i]], carried[2];
        double *xy = filters->xy + 2 * (first + moved[i]), *raw = filters->raw + 2 * (first + moved[i]);
        double *speed = filters->speed + 2 * (first + moved[i]);
        double share = weight(filters, filters->speed_cutoff, dt);
        for (int axis = 0; axis < 2; axis++) {
            double relative = (velocity[axis] - drift[axis]) / maximum(size, 1);
            speed[axis] += share * (relative - speed[axis]);
            carried[axis] =
                xy[axis] + (drift[axis] + filters->carried * size * speed[axis]) * dt;
        }
        share = weight(filters, filters->min_cutoff + filters->beta * hypot(speed[0], speed[1]), dt);
        for (int axis = 0; axis < 2; axis++) {
            xy[axis] = carried[axis] + share * (now[axis] - carried[axis]);
            raw[axis] = now[axis];
        }
    }
}

/* Take in a frame's measurements, as Smoother._smooth.

   measured: (people, joints, 2), NaN where absent; sizes: (people,); moved: (joints,) and memory:
   (joints, 3) to work in; smooth: (people, joints, 2) filled in, NaN where not measured. */
EXPORTED void posestream_smooth(const Filters *filters, const double *measured,
                                const double *sizes, long long *moved, double *memory,
                                double *smooth) {
    const long long joints = filters->joints;
    for (long long i = 0; i < filters->people; i++, measured += 2 * joints, smooth += 2 * joints) {
        const long long row = filters->rows[i], first = row * joints;
        const double since = filters->now - filters->time[row];
        long long count = 0;
        filters->size[row] += (since > 0 ? weight(filters, filters->size_cutoff, since) : 0) *
                              (sizes[i] - filters->size[row]);
        filters->time[row] = filters->now;
        for (long long k = 0; k < joints; k++) {
            if (isnan(measured[2 * k])) continue;
            double away = filters->now - filters->seen[first + k];
            if (!(away <= filters->max_gap)) /* or never seen */
                for (int axis = 0; axis < 2; axis++) {
                    long long at = 2 * (first + k) + axis;
                    filters->xy[at] = filters->raw[at] = measured[2 * k + axis];
                    filters->speed[at] = 0;
                }
            else if (filters->now > filters->seen[first + k]) /* not again at the same instant */
                moved[count++] = k;
        }
        if (count) step(filters, row, measured, moved, count, memory, memory + 2 * joints);
        for (long long k = 0; k < joints; k++) {
            int there = !isnan(measured[2 * k]);
            if (there) filters->seen[first + k] = filters->now;
            for (int axis = 0; axis < 2; axis++)
                smooth[2 * k + axis] = there ? filters->xy[2 * (first + k) + axis] : NAN;
        }
    }
}
