"""The whole diagnosis of one set of results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.coco.diagnosis.calibration import Calibration, joint_calibration, person_calibration
from engine.coco.diagnosis.cost import costs
from engine.coco.diagnosis.keypoints import KeypointReport, Kind, classify, keypoint_reports
from engine.coco.diagnosis.matching import match_people, people_found
from engine.coco.diagnosis.people import extras, missed
from engine.coco.diagnosis.slices import Slice, slices
from engine.coco.diagnosis.worst import WorstImage, worst_images
from engine.coco.metrics import Judgement


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The errors of a model by kind, and the AP they cost."""

    people: int  # who count
    found: int  # of them, matched to a detection at OKS 0.1
    missed: int  # of them, not matched
    duplicates: int  # detections of a person matched already
    fragments: int  # detections like a part of a person matched already
    background: int  # detections like no annotated person
    kinds: dict[str, int]  # labelled keypoints of the people found, by kind
    costs: dict[str, float]  # AP that correcting each kind of error alone would gain
    keypoints: tuple[KeypointReport, ...]
    slices: tuple[Slice, ...]
    calibration: tuple[Calibration, ...]
    worst: tuple[WorstImage, ...]


def diagnose(
    judgement: Judgement,
    *,
    worst: int = 12,
    progress: Callable[[str], None] = lambda name: None,
) -> Diagnosis:
    """Sort every error by kind and measure what each kind costs.

    Args:
        judgement: results as the judge saw them.
        worst: how many of the worst images to describe.
        progress: called with the name of each error whose cost is measured next.
    """
    matches = match_people(judgement)
    table = classify(matches, judgement.truth.skeleton)
    extra, missing = extras(matches), missed(matches)
    counts = np.bincount(table.kind, minlength=len(Kind))
    return Diagnosis(
        people=judgement.truth.people,
        found=people_found(matches),
        missed=len(missing),
        duplicates=len(extra.duplicates),
        fragments=len(extra.fragments),
        background=len(extra.background),
        kinds={kind.name.lower(): int(counts[kind]) for kind in Kind},
        costs=costs(judgement, matches, table, extra, missing, progress),
        keypoints=keypoint_reports(judgement, matches, table),
        slices=slices(judgement, matches),
        calibration=(person_calibration(judgement), joint_calibration(table)),
        worst=worst_images(matches, table, extra, worst),
    )
