"""Batches of training views, each a pure function of its number.

Batch n of a seed holds the same pixels and labels in any order and from any process, so a
run that resumes at step n continues exactly as if it had never stopped, and worker processes need
no random state of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from engine.errors import DataError
from engine.training import augment, paste, targets
from engine.training.annotations import Annotations, Picture
from engine.training.augment import Views

LOW, HIGH = 4, 2  # pixels per cell of the network's two outputs


@dataclass(frozen=True, slots=True)
class Phase:
    """What the network is shown for a while."""

    steps: int
    batch: int
    sizes: tuple[tuple[int, int], ...]  # height, width; every batch takes one of them
    views: Views = field(default_factory=Views)
    pull: float = 0.1  # weight of the pull of tags beside their push


class TrainingView(NamedTuple):
    """One view of a picture and its answers; the fields are those of `Batch` for B = 1."""

    pixels: NDArray[np.uint8]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    low_mask: NDArray[np.float32]
    high_mask: NDArray[np.float32]
    cells: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B views and what the network should answer."""

    pixels: Tensor  # (B, H, W, 3) uint8 RGB
    low: Tensor  # (B, K, H/4, W/4) float32 heatmaps
    high: Tensor  # (B, K, H/2, W/2) float32 heatmaps
    low_mask: Tensor  # (B, H/4, W/4) float32, 0 = unknown
    high_mask: Tensor  # (B, H/2, W/2) float32
    cells: Tensor  # (B, P, K) int64 into a flattened low map, -1 = none

    def to(self, device: torch.device) -> Batch:
        """Copy to a device."""
        return Batch(
            *(getattr(self, name).to(device, non_blocking=True) for name in self.__slots__)
        )


class Batches(Dataset[Batch]):
    """Step number -> batch, over one or more data sets with the same keypoints."""

    def __init__(
        self,
        sources: Sequence[Annotations],
        phases: Sequence[Phase],
        *,
        shares: Sequence[float] | None = None,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        cache_bytes: int = 4 << 30,
    ) -> None:
        """Join data sets.

        Args:
            sources: the data sets.
            phases: what to show, one after the other; the last is repeated without end.
            shares: how often each source is drawn; in proportion to its people if not given.
            seed: another seed gives other batches.
            rank: which of several processes this is; each prepares its own part of every batch.
            ranks: how many processes train together.
            cache_bytes: memory for decoded pictures; the rest is decoded anew each time.
        """
        if len({source.skeleton.names for source in sources}) != 1:
            raise DataError("the data sets have different keypoints; train on one kind at a time")
        self.skeleton = sources[0].skeleton
        self.phases = tuple(phases)
        self._sources = [source.pictures for source in sources]
        self._people = [_people(source.pictures) for source in sources]
        self._donors: dict[int, list[tuple[int, int]]] = {}  # by source, looked for when needed
        shares = shares or [source.people for source in sources]
        self._shares = np.cumsum(shares) / np.sum(shares)
        self._seed, self._rank, self._ranks = seed, rank, ranks
        self._cache: dict[str, NDArray[np.uint8]] = {}
        self._cache_left = cache_bytes

    def __len__(self) -> int:
        return sum(phase.steps for phase in self.phases)

    def phase(self, step: int) -> Phase:
        """The phase in force at a step."""
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        return self.phases[-1]

    def __getitem__(self, step: int) -> Batch:
        phase = self.phase(step)
        # All ranks draw the same size, or the fast would wait for the slow.
        size = phase.sizes[np.random.default_rng((self._seed, step)).integers(len(phase.sizes))]
        rng = np.random.default_rng((self._seed, step, self._rank))
        count = -(-phase.batch // self._ranks)
        views = [self._view(rng, phase.views, size) for _ in range(count)]
        return _collate(views)

    def __getstate__(self) -> dict[str, Any]:
        """Without the decoded pictures: a spawned worker decodes its own."""
        return {**self.__dict__, "_cache": {}}

    def preload(self) -> None:
        """Decode pictures now, as far as the cache reaches, so that forked workers share them."""
        for pictures in self._sources:
            for picture in pictures:
                if self._cache_left <= 0:
                    return
                self._pixels(picture)

    def _view(self, rng: Generator, views: Views, size: tuple[int, int]) -> TrainingView:
        source = self._source(rng)
        pictures, people = self._sources[source], self._people[source]
        if rng.random() < views.scene:
            picture = pictures[rng.integers(len(pictures))]
            box = picture.boxes[rng.integers(len(picture.boxes))]
            affine = augment.scene_view(rng, views, self._pixels(picture).shape[:2], size, box)
        else:
            index, person = people[rng.integers(len(people))]
            picture = pictures[index]
            affine = augment.person_view(rng, views, picture.boxes[person], size)
        flip = rng.random() < 0.5
        if flip:
            affine = augment.mirrored(affine, size[1])
        pixels = augment.warp(self._pixels(picture), affine, size)
        joints = picture.joints.copy()
        joints[..., :2] = augment.move(joints[..., :2], affine)
        if flip:
            joints = joints[:, list(self.skeleton.mirror)]
        scene = paste.Scene(pixels, joints, np.zeros(size, np.bool_))
        if views.paste and rng.random() < views.paste:
            for _ in range(rng.integers(1, 3)):
                scene = self._pasted(rng, scene, views)
        pixels = augment.degrade(rng, augment.relight(rng, scene.pixels), views.spoil)
        return _targets(pixels, scene, augment.corners(picture.unknown, affine))

    def _source(self, rng: Generator) -> int:
        return int(np.searchsorted(self._shares, rng.random(), side="right"))

    def _pasted(self, rng: Generator, scene: paste.Scene, views: Views) -> paste.Scene:
        source = self._source(rng)
        if source not in self._donors:
            self._donors[source] = paste.donors(self._sources[source], self.skeleton)
        donors = self._donors[source]
        if not donors:
            return scene
        index, person = donors[rng.integers(len(donors))]
        picture = self._sources[source][index]
        donor = paste.Donor(self._pixels(picture), picture.joints[person], picture.boxes[person])
        return paste.add(rng, scene, donor, self.skeleton, enlarge=views.enlarge)

    def _pixels(self, picture: Picture) -> NDArray[np.uint8]:
        key = picture.name
        if key in self._cache:
            return self._cache[key]
        pixels = picture.pixels()
        if pixels.nbytes <= self._cache_left:
            self._cache[key] = pixels
            self._cache_left -= pixels.nbytes
        return pixels


def _people(pictures: Sequence[Picture]) -> list[tuple[int, int]]:
    # A person of whom next to nothing is labelled makes a poor subject, unless all are like that.
    everyone = [(i, p) for i, picture in enumerate(pictures) for p in range(len(picture.boxes))]
    good = [(i, p) for i, p in everyone if pictures[i].joints[p, :, 2].mean() >= 0.3]
    return good or everyone


def _targets(
    pixels: NDArray[np.uint8], scene: paste.Scene, unknown: NDArray[np.float32]
) -> TrainingView:
    height, width = pixels.shape[:2]
    joints, covered = scene.joints, scene.covered
    low = targets.heatmaps(joints, height, width, stride=LOW)
    high = targets.heatmaps(joints, height, width, stride=HIGH)
    return TrainingView(
        pixels,
        low,
        high,
        _mask(low, unknown, covered, LOW),
        _mask(high, unknown, covered, HIGH),
        targets.tag_cells(joints, height, width, stride=LOW),
    )


def _mask(
    maps: NDArray[np.float32],
    unknown: NDArray[np.float32],
    covered: NDArray[np.bool_],
    stride: int,
) -> NDArray[np.float32]:
    known = np.ones(maps.shape[1:], np.float32)
    for corners in unknown:
        cv2.fillConvexPoly(known, np.rint(corners / stride).astype(np.int32), 0.0)
    if len(unknown):  # a labelled joint inside a crowd's box is known all the same
        known = np.maximum(known, (maps.max(0) > 0).astype(np.float32))
        known[covered[stride // 2 :: stride, stride // 2 :: stride]] = 1
    return known


def _collate(views: Sequence[TrainingView]) -> Batch:
    most = max(1, *(len(view.cells) for view in views))
    cells = np.full((len(views), most, views[0].cells.shape[1]), -1, np.int64)
    for row, view in zip(cells, views, strict=True):
        row[: len(view.cells)] = view.cells
    names = ("pixels", "low", "high", "low_mask", "high_mask")
    stacked = {name: np.stack([getattr(view, name) for view in views]) for name in names}
    return Batch(
        **{name: torch.from_numpy(part) for name, part in stacked.items()},
        cells=torch.from_numpy(cells),
    )
