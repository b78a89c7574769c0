"""Tracks as dense arrays, a slot for every frame, person and keypoint, and back.

DeepLabCut, SLEAP, NWB and C3D files are such arrays. They hold people with an id only, and need
the whole recording before the first byte can be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.tracks.person_names import ids_of
from app.tracks.writer import Ending
from engine.errors import DataError, OutputError
from engine.files import whole
from engine.offline.recording import Recording, collect, skeleton_of, unseen_frame
from engine.types import JointState, Poses, Result

_MOST = 2**31  # bytes of coordinates and scores
_TIME, _PIXEL, _SCORE = 1e9, 1e7, 1e6  # the largest numbers that are believed


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """T frames counted from 0, N people, K keypoints."""

    ids: tuple[int, ...]  # (N,) all different; rising where we write them
    time: NDArray[np.float64]  # (T,) s in the source
    xy: NDArray[np.float32]  # (T, N, K, 2) image pixels, NaN where absent
    score: NDArray[np.float32]  # (T, N, K) of the joint, NaN where absent
    person: NDArray[np.float32]  # (T, N) score of the person, NaN where out of view

    @property
    def rate(self) -> float:
        """Mean frames per second, from the times."""
        return mean_rate(self.time)


def mean_rate(time: Sequence[float] | NDArray[np.float64], claimed: float | None = None) -> float:
    """Frames per second from the frames' times in seconds; `claimed` where times cannot tell."""
    span = float(time[-1] - time[0]) if len(time) > 1 else 0.0
    return (len(time) - 1) / span if span > 0 else claimed or 1.0


def dense(recording: Recording) -> Dense:
    """Spread a recording over all frames from 0 to its last.

    Frames that the recording leaves out are empty; their times lie evenly between the others.

    Raises:
        OutputError: there are too many ids and frames for such arrays.
    """
    ids = recording.ids or [0]  # a place that stays empty: these formats cannot be without one
    frames = int(recording.index[-1]) + 1 if len(recording.index) else 0
    joints = len(recording.skeleton)
    if not _fits(frames, len(ids), joints):
        raise OutputError(
            f"{len(ids)} ids in {frames} frames are too many for a format with a column for every "
            "id: write ndjson or parquet, or join pieces of tracks with --relink first"
        )
    xy = np.full((frames, len(ids), joints, 2), np.nan, np.float32)
    score = np.full((frames, len(ids), joints), np.nan, np.float32)
    person = np.full((frames, len(ids)), np.nan, np.float32)
    at = recording.index[recording.frame]
    for n, number in enumerate(ids):
        rows = recording.rows_of(number)
        there = np.not_equal(recording.people.state[rows], JointState.ABSENT)
        xy[at[rows], n] = np.where(there[..., None], recording.people.xy[rows], np.nan)
        score[at[rows], n] = np.where(there, recording.people.joint_score[rows], np.nan)
        person[at[rows], n] = recording.people.score[rows]
    return Dense(tuple(ids), _times(recording, frames), xy, score, person)


def empty_places(frames: int, people: int, keypoints: int) -> NDArray[np.float32]:
    """(T, N, K, 3) of NaN, for x, y and score.

    Raises:
        ValueError: they are too many.
    """
    if not _fits(frames, people, keypoints):
        raise ValueError(
            f"{people} people in {frames} frames with {keypoints} keypoints are too many"
        )
    return np.full((frames, people, keypoints, 3), np.nan, np.float32)


def _fits(frames: int, people: int, keypoints: int) -> bool:
    return max(frames, 1) * max(people, 1) * max(keypoints, 1) * 12 <= _MOST


def checked_dense(
    place: str,
    names: Sequence[str],
    time: NDArray[np.float64],
    xy: NDArray[Any],
    score: NDArray[Any],
    person: NDArray[Any],
) -> Dense:
    """Arrays as a file has them, NaN where absent.

    Args:
        place: the file, for messages.
        names: of the people (N,); numbers in them become ids, if they are all different.
        time: as all others of the shape that `Dense` says, of any float type.
        xy: keypoints of which one coordinate is NaN are absent.
        score: of the joints.
        person: scores of the people.

    Raises:
        DataError: a number is infinite or out of all proportion.
    """
    bounds = (("time", time, _TIME), ("coordinate", xy, _PIXEL))
    for what, values, most in (*bounds, ("score", score, _SCORE), ("score", person, _SCORE)):
        wrong = np.abs(values) > most
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0].tolist())
            raise DataError(
                f"{place}: frame {at[0]}: a {what} is {values[at]:g}, must be within ±{most:g}"
            )
    if np.isnan(time).any():
        raise DataError(f"{place}: frame {int(np.isnan(time).argmax())}: its time is not a number")
    single = (values.astype(np.float32) for values in (xy, score, person))
    return Dense(ids_of(names), time, *single)


def results_of(found: Dense, size: tuple[int, int], source: str = "") -> Iterator[Result]:
    """Frame by frame; who has no keypoint in a frame is not in it, scores of NaN become 1."""
    there = np.logical_and.reduce(np.isfinite(found.xy), axis=3)
    xy = np.where(there[..., None], found.xy, np.float32(np.nan))
    score = np.where(there, np.nan_to_num(found.score, nan=1.0), np.float32(0))
    state = np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8)
    person = np.nan_to_num(found.person, nan=1.0)
    ids = np.array(found.ids, np.int32)
    for t, time in enumerate(found.time.tolist()):
        seen = there[t].any(axis=1)
        poses = Poses(
            xy[t, seen], score[t, seen], person[t, seen], ids[seen], state[t, seen], xy[t, seen]
        )
        yield Result(unseen_frame(size, t, time, source=source), poses)


class RecordingWriter:
    """Keeps the people of all frames, without pictures, and saves them when it is closed."""

    def __init__(self, header: Mapping[str, Any], save: Callable[[Recording], None]) -> None:
        self._header, self._save = header, save
        self._results: list[Result] = []
        self._closed = False

    def write(self, result: Result) -> None:
        """Take the people of one frame."""
        frame = result.frame
        bare = unseen_frame(frame.size, frame.index, frame.time, segment=frame.segment)
        self._results.append(Result(bare, result.poses))

    def close(self, ending: Ending) -> None:
        """Save what was kept.

        Raises:
            OutputError: it cannot be written.
        """
        if not self._closed:
            self._closed = True
            self._save(collect(self._results, skeleton_of(self._header), self._header))


class WholeWriter(RecordingWriter):
    """Saves all frames as one file of a library, in one step."""

    def __init__(
        self, path: Path, header: Mapping[str, Any], save: Callable[[Path, Recording], None]
    ) -> None:
        super().__init__(header, lambda recording: _save_whole(path, recording, save))


def _save_whole(path: Path, recording: Recording, save: Callable[[Path, Recording], None]) -> None:
    named = path.with_name(f".{path.name}")  # libraries look at the ending
    with whole(path) as part:
        try:
            save(named, recording)
            named.replace(part)
        finally:
            named.unlink(missing_ok=True)


def _times(recording: Recording, frames: int) -> NDArray[np.float64]:
    if not frames:
        return np.zeros(0)
    every = np.arange(frames)
    time = np.interp(every, recording.index, recording.time)
    first = int(recording.index[0])
    if first:  # before the first frame of the file: at its rate
        rate = mean_rate(recording.time, recording.header.get("rate"))
        time[:first] += (every[:first] - first) / rate
    return time
