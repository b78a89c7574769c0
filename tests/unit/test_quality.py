"""What the report says of tracks whose faults are known because they were planted."""

from dataclasses import replace

import numpy as np
import pytest

from engine.offline.id_switches import id_switch_candidates
from engine.offline.quality import gaps, odd_limbs, people
from engine.offline.recording import Recording, collect
from engine.types import Result
from tests.measure.smoothing import noisy, path, walking
from tests.support.tracking_scenes import NO_PERSON, Scene, crossings, observe
from tests.support.tracks import recorded, walk


def true_recording(scene: Scene) -> Recording:
    """The scene's detections with the ids of the truth, false ones left out."""
    results = []
    for seen in observe(scene, pictures=False):
        real = seen.truth != NO_PERSON
        _, first = np.unique(seen.truth[real], return_index=True)
        rows = np.flatnonzero(real)[first]
        poses = replace(seen.poses.take(rows), ids=seen.truth[rows].astype(np.int32))
        results.append(Result(seen.frame, poses))
    return collect(results)


def exchanged(recording: Recording, a: int, b: int, time: float) -> Recording:
    """The ids of two people exchanged from a moment on."""
    ids = recording.people.ids.copy()
    late = recording.time[recording.frame] > time
    ids[late & (recording.people.ids == a)] = b
    ids[late & (recording.people.ids == b)] = a
    return replace(recording, people=replace(recording.people, ids=ids))


def test_planted_exchanges_are_found_and_true_ids_are_mostly_left_in_peace():
    planted = caught = alarms = meetings = 0
    for seed in range(600, 608):
        recording = true_recording(crossings(seed))
        alarms += sum(s.suspicion > 0.5 for s in id_switch_candidates(recording))
        for a, b, time in met(recording):
            meetings += 1
            wrong = exchanged(recording, a, b, time)
            planted += 1
            caught += any(
                set(s.ids) <= {a, b} and abs(s.time - time) < 0.6 and s.suspicion > 0.5
                for s in id_switch_candidates(wrong)
            )
    assert planted >= 20
    assert caught / planted > 0.8
    assert alarms < 0.25 * meetings


def met(recording: Recording) -> list[tuple[int, int, float]]:
    """Pairs whose middles cross, well inside the recording, and when."""
    found = []
    for a in recording.ids:
        for b in recording.ids:
            if a >= b:
                continue
            i, j = recording.rows_of(a), recording.rows_of(b)
            both, x, y = np.intersect1d(recording.frame[i], recording.frame[j], return_indices=True)
            if len(both) < 60:
                continue
            xa = np.nanmedian(recording.people.xy[i[x], :, 0], axis=1)
            xb = np.nanmedian(recording.people.xy[j[y], :, 0], axis=1)
            crossed = np.flatnonzero(np.diff(np.sign(xa - xb)) != 0)
            if len(crossed) and 25 < crossed[0] < len(both) - 25:
                found.append((a, b, float(recording.time[both[crossed[0]]])))
    return found


def test_somebody_who_jumps_is_suspected_at_that_moment():
    times, truth = walk()
    moved = truth.copy()
    moved[90:] += (150, 0)
    [first, *_] = id_switch_candidates(recorded(moved, times))
    assert (first.kind, first.ids) == ("jump", (0,))
    assert first.time == pytest.approx(times[90])


def test_an_id_that_goes_on_in_another_is_suspected_to_be_the_same():
    times, truth = walk()
    holes = truth.copy()
    holes[90:100] = np.nan
    ids = np.where(np.arange(len(times)) < 95, 3, 4)
    [first, *_] = id_switch_candidates(recorded(holes, times, ids))
    assert (first.kind, first.ids) == ("same", (3, 4))


def test_a_plain_walk_raises_no_suspicion():
    times, truth = walk()
    seen = noisy(truth, np.random.default_rng(0))
    assert id_switch_candidates(recorded(seen, times)) == []
    assert odd_limbs(recorded(seen, times)) == []


def test_gaps_are_listed_the_longest_first():
    times, truth = walk()
    holes = truth.copy()
    holes[30:33] = holes[60:90] = np.nan
    found = gaps(recorded(holes, times))
    assert [gap.frames for gap in found] == [30, 3]
    assert found[0].start == pytest.approx(times[59])
    assert found[0].end == pytest.approx(times[90])


def test_coverage_counts_the_frames_between_the_first_and_the_last():
    times, truth = walk(2)
    holes = truth.copy()
    holes[:10] = holes[30:40] = np.nan
    holes[:, 4] = np.nan
    [person] = people(recorded(holes, times))
    assert person.frames == 40
    assert person.coverage == pytest.approx(40 / 50)
    assert person.joints == pytest.approx(16 / 17)
    assert (person.first, person.last) == (times[10], times[59])
    assert len(person.spans) == 2


def test_jitter_is_the_deviation_of_the_noise_in_body_sizes():
    times = np.arange(300) / 30
    truth = path(walking(0), times)
    rng = np.random.default_rng(0)
    size = np.sqrt(np.prod(np.ptp(truth, axis=1), axis=1)).mean()
    for deviation in (0.005, 0.02):
        seen = truth + rng.normal(0, deviation * size, truth.shape)
        [person] = people(recorded(seen, times))
        assert person.jitter == pytest.approx(deviation, rel=0.2)


def test_a_wrist_on_somebody_else_is_an_odd_limb():
    times, truth = walk()
    wrong = noisy(truth, np.random.default_rng(0))
    wrong[80:84, 9] += (120, -60)
    [odd, *_] = odd_limbs(recorded(wrong, times))
    assert odd.limb == (7, 9)
    assert (odd.start, odd.end) == (pytest.approx(times[80]), pytest.approx(times[83]))
    assert 0.5 < odd.gained < 2
