"""A whole video's people as arrays, for postprocessing.

One row per person and frame, in the order of the frames. The arrays of `Poses` lie one below the
other; `frame` says which row of the frame table a person is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.skeleton import COCO, Skeleton, skeleton_from_names
from engine.types import UNTRACKED, Frame, Poses, Result, no_people


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """N frames with R people in all, K keypoints each."""

    index: NDArray[np.int64]  # (N,) position of the frame in its source
    time: NDArray[np.float64]  # (N,) s in the source
    segment: NDArray[np.int32]  # (N,) counts interruptions of the source
    frame: NDArray[np.int64]  # (R,) row of `index` and `time`, never falling
    people: Poses  # P = R
    skeleton: Skeleton = COCO
    size: tuple[int, int] = (0, 0)  # (width, height) in pixels of the frames
    header: Mapping[str, Any] = field(default_factory=dict)  # what the tracks file says of itself

    def __post_init__(self) -> None:
        if len(self.frame) != len(self.people):
            raise ValueError(f"{len(self.frame)} frame numbers for {len(self.people)} people")
        if not len(self.index) == len(self.time) == len(self.segment):
            raise ValueError(
                f"Recording.index, time, segment have {len(self.index)}, {len(self.time)}, "
                f"{len(self.segment)} frames"
            )

    @property
    def ids(self) -> list[int]:
        """Every id there is, rising; UNTRACKED is none."""
        return [i for i in np.unique(self.people.ids).tolist() if i != UNTRACKED]

    def rows_of(self, person: int) -> NDArray[np.intp]:
        """The rows of one id, in order of time."""
        return np.flatnonzero(self.people.ids == person)

    def rows_by_id(self) -> dict[int, NDArray[np.intp]]:
        """The rows of every id, in order of time; ids rising, UNTRACKED left out."""
        order = np.argsort(self.people.ids, kind="stable")
        ids, first = np.unique(self.people.ids[order], return_index=True)
        rows = np.split(order, first[1:]) if len(ids) else []
        return {i: r for i, r in zip(ids.tolist(), rows, strict=True) if i != UNTRACKED}

    def results(self) -> Iterator[Result]:
        """Frame by frame as it came, with black pictures."""
        ends = np.searchsorted(self.frame, np.arange(len(self.index) + 1))
        for row in range(len(self.index)):
            frame = unseen_frame(
                self.size,
                int(self.index[row]),
                float(self.time[row]),
                segment=int(self.segment[row]),
                source=str(self.header.get("source", "")),
            )
            yield Result(frame, self.people.take(np.arange(ends[row], ends[row + 1])))

    def with_people(self, frame: NDArray[np.int64], people: Poses) -> Recording:
        """The same frames with these people, put in the order of the frames and then of the ids."""
        unnumbered = np.where(people.ids == UNTRACKED, np.iinfo(np.int32).max, people.ids)
        order = np.lexsort((np.arange(len(frame)), unnumbered, frame))
        return replace(self, frame=frame[order], people=people.take(order))


def collect(
    results: Iterable[Result],
    skeleton: Skeleton = COCO,
    header: Mapping[str, Any] | None = None,
) -> Recording:
    """Gather results frame by frame into arrays; the pictures are released."""
    frames: list[tuple[int, float, int, int]] = []
    people: list[Poses] = []
    size = (0, 0)
    for result in results:
        frame = result.frame
        size = frame.size if size == (0, 0) else size
        frames.append((frame.index, frame.time, frame.segment, len(result.poses)))
        if len(result.poses):
            people.append(result.poses)
    index, time, segment, count = (
        (np.array(c) for c in zip(*frames, strict=True)) if frames else [np.zeros(0)] * 4
    )
    return Recording(
        index.astype(np.int64),
        time.astype(np.float64),
        segment.astype(np.int32),
        np.repeat(np.arange(len(frames)), count.astype(int)),
        concatenate(people, len(skeleton)),
        skeleton,
        size,
        header or {},
    )


def concatenate(people: Iterable[Poses], keypoints: int) -> Poses:
    """All of these people as one `Poses`."""
    every = [no_people(keypoints), *people]
    return Poses(
        np.concatenate([p.xy for p in every]),
        np.concatenate([p.joint_score for p in every]),
        np.concatenate([p.score for p in every]),
        np.concatenate([p.ids for p in every]),
        np.concatenate([p.state for p in every]),
        np.concatenate([p.raw_xy for p in every]),
    )


def unseen_frame(
    size: tuple[int, int],
    index: int,
    time: float,
    *,
    segment: int = 0,
    source: str = "",
    file_name: str = "",
) -> Frame:
    """A frame whose picture is not at hand: black, and without memory of its own."""
    width, height = size
    pixels = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (height, width, 3))
    return Frame(pixels, index, time, 0.0, source, segment, file_name)


def skeleton_of(header: Mapping[str, Any]) -> Skeleton:
    """The keypoints that a tracks file's header names."""
    limbs = tuple((a, b) for a, b in header.get("skeleton", ()))
    return skeleton_from_names(header["keypoints"], limbs)
