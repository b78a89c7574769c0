"""From peaks and their tags to people: associative embedding.

Newell et al., "Associative Embedding: End-to-End Learning for Joint Detection and Grouping",
NIPS 2017. Joint types are matched one after another against the people found so far, by the
distance of their tags. Every rounding and tie here decides about people in the published AP.
A compiled loop does the same where the package was built with one: five people cost NumPy half a
millisecond of calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.decoding.assignment import assign
from engine.settings import GroupingSettings
from gpu_ops.cpu_compiled import compiled_blocks

FIRST = 30  # groups that mmpose 0.6 matched candidates with
ROOM = 16  # tags of a group, at first
NO_GROUP = 1e10  # cost of founding a new group, far above any tag distance


@dataclass(slots=True)
class _Group:
    """One person in the making."""

    key: float  # the first tag of the founding joint
    tags: NDArray[np.float32]  # (n, T), the first `count` are those of all that joined
    count: int = 0
    joints: dict[int, int] = field(default_factory=dict)  # keypoint type -> candidate

    def found(self, joint: int, candidate: int, tag: NDArray[np.float32]) -> None:
        """(Re)start the group from one joint."""
        self.count = 0
        self.join(joint, candidate, tag)

    def join(self, joint: int, candidate: int, tag: NDArray[np.float32]) -> None:
        """Add a joint, in place of an earlier one of its type."""
        self.joints[joint] = candidate
        if self.count == len(self.tags):
            self.tags = np.concatenate((self.tags, self.tags))
        self.tags[self.count] = tag
        self.count += 1


def group(
    score: NDArray[np.float32],
    tag: NDArray[np.float32],
    order: Sequence[int],
    settings: GroupingSettings,
) -> NDArray[np.intp]:
    """Assign the peaks of one image to people.

    Args:
        score: (K, M) heatmap response of the peaks, best first; 0 where there is no peak.
        tag: (K, M, T) their tags.
        order: the K keypoint types in the order of matching.
        settings: thresholds.

    Returns:
        (P, K) which of the M peaks each person's joint is, -1 for none; people in the order in
        which they were found.
    """
    compiled = compiled_blocks()
    if compiled is None:
        return group_by_definition(score, tag, order, settings)
    known = FIRST if settings.ignore_too_much else None
    return compiled.group(score, tag, order, settings.tag_distance, known)


def group_by_definition(
    score: NDArray[np.float32],
    tag: NDArray[np.float32],
    order: Sequence[int],
    settings: GroupingSettings,
) -> NDArray[np.intp]:
    """What `group` computes, and what computes it where nothing is compiled."""
    groups: list[_Group] = []
    for joint in order:
        count = int(np.count_nonzero(score[joint] > 0))
        if count:
            _match(groups, joint, score[joint, :count], tag[joint, :count], settings)
    people = np.full((len(groups), len(score)), -1, np.intp)
    for person, members in enumerate(groups):
        for joint, candidate in members.joints.items():
            people[person, joint] = candidate
    return people


def _match(
    groups: list[_Group],
    joint: int,
    score: NDArray[np.float32],
    tag: NDArray[np.float32],
    settings: GroupingSettings,
) -> None:
    known = groups[:FIRST] if settings.ignore_too_much else list(groups)
    if not known:
        for candidate in range(len(score)):
            _group_of(groups, tag[candidate]).found(joint, candidate, tag[candidate])
        return
    distance = _distances(tag, known)
    cost = np.rint(distance) * 100 - score.astype(np.float64)[:, None]
    if len(score) > len(known):
        extra = np.full((len(score), len(score) - len(known)), NO_GROUP)
        cost = np.concatenate((cost, extra), axis=1)
    for candidate, column in enumerate(assign(cost)):
        if column < len(known) and distance[candidate, column] < settings.tag_distance:
            known[column].join(joint, candidate, tag[candidate])
        else:
            # Also where a nearer group went to another candidate: as in the reference.
            _group_of(groups, tag[candidate]).found(joint, candidate, tag[candidate])


def _group_of(groups: list[_Group], tag: NDArray[np.float32]) -> _Group:
    """The group with this first tag, or a new one: bit-equal tags share a group."""
    key = float(tag[0])
    for existing in groups:
        if existing.key == key:
            return existing
    groups.append(_Group(key, np.empty((ROOM, len(tag)), np.float32)))
    return groups[-1]


def _distances(tag: NDArray[np.float32], groups: list[_Group]) -> NDArray[np.float64]:
    """(candidates, groups) L2 distance of each tag to the mean tag of each group."""
    means = np.array([mean_tag(members.tags[: members.count]) for members in groups])
    difference = tag.astype(np.float64)[:, None] - means[None]
    return np.asarray(np.sqrt(np.add.reduce(difference * difference, axis=2)))


def mean_tag(tags: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T,) mean of (n, T) tags in float32: a last-bit change can move a rounded distance."""
    # The ufunc itself: np.mean spends most of its time on options we do not use.
    return np.asarray(np.add.reduce(tags, axis=0) / np.float32(len(tags)))
