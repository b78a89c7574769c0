/* What engine/tracking/tracker.py computes of every track, with its roundings: where it is now, how
   like it each person is, what it learns. Called from engine/tracking/compiled.py.

   Exponentials and powers are left to NumPy, see bodies.c. */

#include "people.h"

static inline double squared(double x) { return x * x; }

/* Tracks and the people of a frame, with the arrays and constants of Tracker. */
typedef struct {
    long long people, tracks, joints, limbs;
    long long single;      /* xy are float32 numbers */
    const double *xy;      /* (people, joints, 2) */
    const double *colours; /* (people, limbs, 3) */
    const double *known;   /* (tracks, joints, 2) */
    const double *cov;     /* (tracks, 3) */
    const double *seen;    /* (tracks,) */
    const double *worn;    /* (tracks, limbs, 3) */
    const double *sigmas;  /* (joints,) */
    const long long *mirror; /* (joints,) */
    double now, assumed, narrowest, noise, stray, stray_speed, other_clothes;
} Scene;

/* A track's size, the assumed one where its joints do not tell. */
static double known_size(const Scene *scene, const double *xy) {
    double size = size_of(xy, scene->joints, 0, scene->narrowest);
    return size > 0 ? size : scene->assumed;
}

/* Variance of a measured place. */
static inline double noise_of(const Scene *scene, double size) {
    return maximum(squared(scene->noise * size), 1);
}

/* By how much all joints are off, as tracker._middle of `to` - `from`.
   memory: (3, joints) to work in. */
static void middle(const Scene *scene, const double *to, const double *from, double *memory,
                   double out[2]) {
    const long long joints = scene->joints;
    for (long long i = 0; i < 2 * joints; i++) memory[i] = to[i] - from[i];
    out[0] = median_of(memory, joints, 2, memory + 2 * joints);
    out[1] = median_of(memory + 1, joints, 2, memory + 2 * joints);
}

/* How far apart colours are, as appearance.unlikeness; apart: (limbs,) to work in. */
static double unlikeness(const double *a, const double *b, long long limbs, double *apart) {
    double common = 0;
    for (long long i = 0; i < limbs; i++, a += 3, b += 3) {
        double away = squared(a[0] - b[0]) + squared(a[1] - b[1]) + squared(a[2] - b[2]);
        apart[i] = isnan(away) ? 0 : sqrt(away);
        common += !isnan(away);
    }
    return common > 0 ? sum_of(apart, limbs) / common : NAN;
}

/* Arguments of the exponentials of Tracker._compare, of people times tracks pairs.

   sizes: (people + tracks) to work in; memory: (3 * joints + limbs) to work in;
   ratio: (pairs,) to be raised to the power of caution; exponents: (pairs, 3 + 2 * joints):
   plausible, worn, near, and of the similarity as they are and mirrored; common: (pairs, 2) how
   many joints of these are not missing. */
EXPORTED void posestream_pairs(const Scene *scene, double *sizes, double *memory, double *ratio,
                               double *common, double *exponents) {
    const long long joints = scene->joints, limbs = scene->limbs, tracks = scene->tracks;
    double *own = sizes + scene->people;
    for (long long i = 0; i < scene->people; i++)
        sizes[i] = size_of(scene->xy + 2 * joints * i, joints, scene->single != 0,
                           scene->narrowest);
    for (long long j = 0; j < tracks; j++)
        own[j] = size_of(scene->known + 2 * joints * j, joints, 0, scene->narrowest);
    for (long long i = 0; i < scene->people; i++)
        for (long long j = 0; j < tracks; j++, exponents += 3 + 2 * joints) {
            const double *xy = scene->xy + 2 * joints * i, *known = scene->known + 2 * joints * j;
            double size = larger_of(sizes[i], own[j]), where = scene->cov[3 * j], away[2], moved[2];
            size = size > 0 ? size : scene->assumed;
            double noise = noise_of(scene, size), share = where / (where + noise);
            middle(scene, xy, known, memory, away);
            for (int axis = 0; axis < 2; axis++) moved[axis] = away[axis] * share;
            double apart = unlikeness(scene->colours + 3 * limbs * i, scene->worn + 3 * limbs * j,
                                      limbs, memory + 3 * joints);
            double lost = maximum(scene->now - scene->seen[j], 0);
            double reach = size * (scene->stray + scene->stray_speed * lost);
            *ratio++ = noise / (noise + where);
            exponents[0] = -(squared(moved[0]) + squared(moved[1])) / (2 * where);
            exponents[1] = -squared(apart / scene->other_clothes);
            exponents[2] = -(squared(away[0]) + squared(away[1])) / squared(reach);
            for (int side = 0; side < 2; side++)
                *common++ = exponents_of(xy, known, side ? scene->mirror : NULL, joints,
                                         scene->sigmas, size, moved,
                                         exponents + 3 + side * joints);
        }
}

/* How alike the pairs are and how likely the same, see Tracker._compare; both (people, tracks).

   ratio, exponents: as posestream_pairs gave them, with the powers and exponentials taken. */
EXPORTED void posestream_likeness(const Scene *scene, const double *ratio, const double *exponents,
                                  const double *common, double mirrored, double least_trust,
                                  double known_again, double *alike, double *likely) {
    const long long joints = scene->joints, pairs = scene->people * scene->tracks;
    for (long long i = 0; i < pairs; i++, exponents += 3 + 2 * joints, common += 2) {
        double best = sum_of(exponents + 3, joints) / larger_of(common[0], 1);
        double other = sum_of(exponents + 3 + joints, joints) / larger_of(common[1], 1);
        double placed = exponents[0] * maximum(best, other * mirrored), worn = exponents[1];
        double trust = maximum(isnan(worn) ? 1 : worn, least_trust);
        int lost = scene->now > scene->seen[i % scene->tracks];
        double again = (isnan(worn) ? 0 : worn) * (exponents[2] * lost);
        alike[i] = maximum(placed, again);
        likely[i] = maximum(placed * ratio[i] * trust, known_again * again);
    }
}

/* Move all tracks on by some time, as kalman.predict and Tracker._advance.

   steps: 2 * reach, reach^2, kept, kept^2, reach, dt, dt^2, dt^3; shift: (2,) of the camera;
   xy, velocity, cov: of the tracks, changed. */
EXPORTED void posestream_predict(const Scene *scene, const double *steps, const double *shift,
                                 double wander, double *xy, double *velocity, double *cov) {
    const double kept = steps[2], reach = steps[4];
    for (long long j = 0; j < scene->tracks; j++, velocity += 2, cov += 3) {
        double q = squared(wander * known_size(scene, xy)), pp = cov[0], pv = cov[1], vv = cov[2];
        double moved[2];
        cov[0] = pp + steps[0] * pv + steps[1] * vv + q * steps[7] / 3;
        cov[1] = kept * (pv + reach * vv) + q * steps[6] / 2;
        cov[2] = steps[3] * vv + q * steps[5];
        for (int axis = 0; axis < 2; axis++) {
            moved[axis] = velocity[axis] * reach + shift[axis];
            velocity[axis] *= kept;
        }
        for (long long k = 0; k < scene->joints; k++, xy += 2) xy[0] += moved[0], xy[1] += moved[1];
    }
}

/* Let n tracks learn from the people they were found to be, as kalman.correct, appearance and
   Tracker._update.

   rows, tracks: (n,); scores: (people,); share: of new colours; memory: (3 * joints) to work in;
   xy, velocity, cov, evidence, colours: of all tracks, changed. */
EXPORTED void posestream_learn(const Scene *scene, long long n, const long long *rows,
                               const long long *tracks, const double *scores, double share,
                               double *memory, double *xy, double *velocity, double *cov,
                               double *evidence, double *colours) {
    const long long joints = scene->joints, limbs = scene->limbs;
    for (long long i = 0; i < n; i++) {
        const double *found = scene->xy + 2 * joints * rows[i];
        const double *look = scene->colours + 3 * limbs * rows[i];
        double *known = xy + 2 * joints * tracks[i], *worn = colours + 3 * limbs * tracks[i];
        double *speed = velocity + 2 * tracks[i], *c = cov + 3 * tracks[i], away[2];
        double noise = noise_of(scene, known_size(scene, known)), pp = c[0], pv = c[1];
        double gain_p = pp / (pp + noise), gain_v = pv / (pp + noise);
        middle(scene, found, known, memory, away);
        c[0] = (1 - gain_p) * pp, c[1] = (1 - gain_p) * pv, c[2] -= gain_v * pv;
        for (int axis = 0; axis < 2; axis++) speed[axis] += gain_v * away[axis];
        for (long long k = 0; k < 2 * joints; k++)
            known[k] = isnan(found[k]) ? known[k] + gain_p * away[k % 2] : found[k];
        evidence[tracks[i]] += scores[rows[i]];
        for (long long k = 0; k < 3 * limbs; k++) {
            double both = worn[k] + share * (look[k] - worn[k]);
            worn[k] = !isnan(both) ? both : isnan(worn[k]) ? look[k] : worn[k];
        }
    }
}
