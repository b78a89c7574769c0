"""Aggregated heat and tag maps to people: the stable function the golden numbers test.

The streaming path runs the same steps through a device lane (`engine.estimator`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from engine.decoding.grouping import group, mean_tag
from engine.decoding.scoring import PAPER_SCORING, Scoring
from engine.settings import PAPER_GROUPING, GroupingSettings
from engine.skeleton import COCO
from gpu_ops import open_device
from gpu_ops.device import Groups, Lane, Maps, Peaks, Placing

NMS_RADIUS = 2  # cells: a 5 x 5 window


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Decoded people of one image, in heatmap cells."""

    xy: NDArray[np.float32]  # (P, K, 2)
    joint_score: NDArray[np.float32]  # (P, K); 0 where there is no joint
    score: NDArray[np.float32]  # (P,) the paper's: mean over all K joint scores before refinement
    detected: NDArray[np.bool_]  # (P, K) the joint is a grouped peak, not a refined cell


def decode(
    heat: NDArray[np.float32],
    tag: NDArray[np.float32],
    *,
    device: str = "cpu",
    refine: bool = True,
    settings: GroupingSettings | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the people in one image's aggregated maps.

    Args:
        heat: (K, H, W) float32 heatmaps.
        tag: (K, H, W, L) float32 tags, L = 2 with the mirrored pass, else 1.
        device: where the maps are searched.
        refine: look for missing joints in the whole heatmap.
        settings: thresholds; by default those of the published results.

    Returns:
        joints (P, K, 3) float32: x, y in heatmap cells after adjust and refine, and the heatmap
        response there, all 0 where a joint is missing; scores (P,) float32: the mean response of
        all K joints before refine. People are in the order in which grouping found them.
    """
    settings = (settings or PAPER_GROUPING).model_copy(update={"refine": refine})
    with open_device(device) as opened, opened.lane() as lane:
        return decode_with(lane, heat, tag, settings, opened.torch_device)


def decode_with(
    lane: Lane,
    heat: NDArray[np.float32],
    tag: NDArray[np.float32],
    settings: GroupingSettings = PAPER_GROUPING,
    device: torch.device | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As `decode`, by a lane of a device, with `settings.refine`."""
    maps = Maps(
        torch.from_numpy(heat)[None].to(device),
        torch.from_numpy(tag).permute(3, 0, 1, 2)[None].to(device),
    )
    order = COCO.order if len(heat) == len(COCO) else range(len(heat))
    find_people(lane, maps, order, settings)
    people = collect_people(lane, maps, order, settings, images=1)[0]
    joints = np.concatenate((people.xy, people.joint_score[..., None]), axis=2)
    return joints, people.score


def find_people(lane: Lane, maps: Maps, order: Sequence[int], settings: GroupingSettings) -> None:
    """The first half of decoding: start what the device does without the host."""
    lane.find_peaks(
        maps,
        radius=NMS_RADIUS,
        threshold=settings.peak_threshold,
        most=settings.most_people,
    )
    lane.group_peaks(
        order,
        tag_distance=settings.tag_distance,
        ignore_too_much=settings.ignore_too_much,
    )


def collect_people(
    lane: Lane,
    maps: Maps,
    order: Sequence[int],
    settings: GroupingSettings,
    *,
    images: int,
    scoring: Scoring = PAPER_SCORING,
) -> list[People]:
    """The second half: wait, group unless the device did, refine. One entry per image."""
    groups = lane.groups()
    if groups is None:
        return finish(lane, maps, lane.peaks(), order, settings, scoring)
    return _place(lane, maps, groups, settings, images, scoring)


def finish(
    lane: Lane,
    maps: Maps,
    peaks: Peaks,
    order: Sequence[int],
    settings: GroupingSettings,
    scoring: Scoring = PAPER_SCORING,
) -> list[People]:
    """Group on the host and refine on the device. One entry per image."""
    chosen = [
        _worth_refining(group(score, tag, order, settings), score, settings, scoring)
        for score, tag in zip(peaks.score, peaks.tag, strict=True)
    ]
    return _place(lane, maps, as_groups(peaks, chosen), settings, len(chosen), scoring)


def _worth_refining(
    people: NDArray[np.intp],
    score: NDArray[np.float32],
    settings: GroupingSettings,
    scoring: Scoring,
) -> NDArray[np.intp]:
    """Without those that `engine.decoding.selection` leaves out: what it looks at is known here.

    But for the size, which can only reduce the score.
    """
    found = people >= 0
    before = np.where(found, score[np.arange(len(score)), people], np.float32(0))
    strong = _score(before, found, scoring) >= settings.min_score
    return np.asarray(people[strong & (np.count_nonzero(found, axis=1) >= settings.min_joints)])


def _score(
    peaks: NDArray[np.float32], found: NDArray[np.bool_], scoring: Scoring
) -> NDArray[np.float32]:
    mean = np.asarray(peaks.mean(axis=1, dtype=np.float32))
    return scoring.by_joints(mean, np.count_nonzero(found, axis=1) / found.shape[1])


def _place(
    lane: Lane,
    maps: Maps,
    groups: Groups,
    settings: GroupingSettings,
    images: int,
    scoring: Scoring,
) -> list[People]:
    joints = lane.refine(
        maps,
        groups,
        Placing(
            adjust=settings.adjust,
            reach=settings.adjust_reach,
            fill=settings.refine,
            tolerance=settings.refine_tolerance,
        ),
    )
    detected = groups.cell >= 0
    before = _score(np.where(detected, joints.score, np.float32(0)), detected, scoring)
    starts = np.searchsorted(groups.image, np.arange(images + 1))
    return [
        People(joints.xy[a:b], joints.score[a:b], before[a:b], detected[a:b])
        for a, b in pairwise(starts)
    ]


def as_groups(peaks: Peaks, chosen: Sequence[NDArray[np.intp]]) -> Groups:
    """All images' people one after another, as the device wants them.

    Args:
        peaks: of B images.
        chosen: B arrays (P, K), the peak of each person's joint or -1.
    """
    image = np.repeat(np.arange(len(chosen), dtype=np.int32), [len(rows) for rows in chosen])
    peak = np.concatenate(chosen)
    at = image[:, None], np.arange(peak.shape[1]), peak
    found = peak >= 0
    tag = np.zeros((len(image), peaks.tag.shape[3]), np.float32)
    for person, tags in enumerate(peaks.tag[at]):
        tag[person] = mean_tag(tags[found[person]])
    return Groups(image, np.where(found, peaks.cell[at], np.int32(-1)), tag)
