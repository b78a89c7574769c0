"""Stitching and the search for id switches in a crowd: as if all pairs of tracks were compared."""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from engine.offline import id_switches, stitching
from engine.offline.id_switches import id_switch_candidates
from engine.offline.recording import Recording
from engine.types import Poses

RATE = 25


def crowd(seed: int, people: int = 40, frames: int = 900, side: float = 900) -> Recording:
    """Pairs of people who cross; half of the pairs exchange ids there, half are lost for a while.

    Those who were lost come back with a new id.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        if person % 2 == 0:
            start, length = int(rng.integers(0, frames - 120)), int(rng.integers(60, 120))
            gap, middle = int(rng.integers(8, 40)), rng.uniform(0, side, 2)
        exchanged = person % 4 < 2
        velocity = rng.normal(0, 4, 2)
        body = rng.uniform(-0.5, 0.5, (17, 2)) * rng.uniform(70, 100)
        for t in range(length):
            after = t > length // 2
            if exchanged or abs(t - length // 2) > gap // 2:
                xy = middle + velocity * (t - length / 2) + body + rng.normal(0, 1, (17, 2))
                again = (person ^ 1) if exchanged else people + person
                rows.append((start + t, again if after else person, xy))
    rows.sort(key=lambda row: row[:2])
    frame, ids, xy = (np.array(column) for column in zip(*rows, strict=True))
    xy = xy.astype(np.float32)
    score = np.full(xy.shape[:2], 0.5, np.float32)
    state = np.ones(xy.shape[:2], np.uint8)
    poses = Poses(xy, score, score[:, 0], ids.astype(np.int32), state, xy)
    return Recording(
        np.arange(frames), np.arange(frames) / RATE, np.zeros(frames, np.int32), frame, poses
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_candidates_are_those_of_comparing_all_pairs(monkeypatch, seed):
    recording = crowd(seed)
    found = id_switch_candidates(recording)
    assert {"exchange", "same"} <= {candidate.kind for candidate in found}
    everyone = lambda tracks: list(combinations(range(len(tracks)), 2))  # noqa: E731
    monkeypatch.setattr(id_switches, "_meetings", everyone)
    assert id_switch_candidates(recording) == found


def test_tracks_that_are_never_near_are_not_compared(monkeypatch):
    recording = crowd(0, side=20_000)
    compared = []
    monkeypatch.setattr(id_switches, "_exchanges", lambda a, b: compared.append((a, b)) or ())
    id_switch_candidates(recording)
    assert len(compared) < len(recording.ids)


def joined_by_all_pairs(recording: Recording, longest: float) -> dict[int, int]:
    """Later id -> earlier id, from one assignment of all tracks to all tracks."""
    tracks = list(recording.rows_by_id().items())
    both = [stitching.ends(recording, rows) for _, rows in tracks]
    gain = np.zeros((len(tracks), len(tracks)))
    for i, (_, one) in enumerate(tracks):
        for j, (_, other) in enumerate(tracks):
            gap = both[j][0].time - both[i][1].time
            if recording.frame[other[0]] - recording.frame[one[-1]] > 1 and gap <= longest:
                gain[i, j] = stitching.affinity(both[i][1], both[j][0])
    pairs = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    return {tracks[j][0]: tracks[i][0] for i, j in pairs if gain[i, j] > 0}


@pytest.mark.parametrize("seed", range(3))
def test_the_pieces_joined_are_those_of_comparing_all_pairs(seed):
    recording = crowd(seed, people=160)
    expected = joined_by_all_pairs(recording, 3.0)
    assert len(expected) > 40
    assert stitching._joins(recording, 3.0) == expected


def edited(*pieces: tuple[int, int, int, float]) -> Recording:
    """Tracks of people who stand still: id, first and last frame, and place."""
    body = np.random.default_rng(0).random((17, 2)) * 100
    rows = [(t, n, body + np.array([x, 0])) for n, a, b, x in pieces for t in range(a, b + 1)]
    rows.sort(key=lambda row: row[:2])
    frame, ids, xy = (np.array(column) for column in zip(*rows, strict=True))
    xy, score = xy.astype(np.float32), np.full(xy.shape[:2], 0.8, np.float32)
    poses = Poses(xy, score, score[:, 0], ids.astype(np.int32), np.ones_like(score, np.uint8), xy)
    frames = int(frame[-1]) + 1
    times = np.arange(frames) / RATE
    return Recording(np.arange(frames), times, np.zeros(frames, np.int32), frame, poses)


def test_people_on_either_side_of_a_cut_are_not_one_person():
    # The third shot shows others where the first two people stood.
    cut = edited((0, 0, 29, 0), (1, 0, 29, 300), (2, 30, 49, 600), (3, 30, 49, 900))
    again = edited(
        *((0, 0, 29, 0), (1, 0, 29, 300), (2, 30, 49, 600), (3, 30, 49, 900)),
        *((4, 50, 79, 0), (5, 50, 79, 300)),
    )
    for recording in (cut, again):
        assert stitching._joins(recording, 3.0) == {}
        assert id_switch_candidates(recording) == []


def test_where_one_person_goes_on_there_was_no_cut():
    lost = edited((0, 0, 29, 0), (1, 0, 29, 300), (2, 0, 79, 600), (3, 30, 79, 900), (4, 50, 79, 0))
    assert stitching._joins(lost, 3.0) == {4: 0}
    assert [c.ids for c in id_switch_candidates(lost)] == [(0, 4)]


def test_shots_are_counted_from_the_frames_in_which_all_begin_anew():
    edges = np.array([[0, 9], [3, 9], [10, 19], [12, 19], [20, 30]])
    assert stitching.shots(edges).tolist() == [[0, 0], [0, 0], [1, 1], [1, 1], [2, 2]]
    assert stitching.shots(np.zeros((0, 2), int)).shape == (0, 2)
