"""Loops compiled of gpu_ops/native on the people of a frame: what NumPy computes, to the last bit.

A frame has few people, so NumPy takes its time for the calls, not the numbers. Who calls a loop
here has the definition beside it, which computes the same where nothing is compiled.
Exponentials and powers stay NumPy's: their roundings differ from the C library's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from gpu_ops.compiled_file import ARRAY, DOUBLE, FLOAT, INT, LONG, CompiledFile, compiled_file

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Bytes = NDArray[np.uint8]


class _Scene(ctypes.Structure):
    """Scene of native/tracks.c."""

    _fields_ = (
        *((name, LONG) for name in ("people", "tracks", "joints", "limbs", "single")),
        *((name, ARRAY) for name in ("xy", "colours", "known", "cov", "seen", "worn")),
        *((name, ARRAY) for name in ("sigmas", "mirror")),
        *((name, DOUBLE) for name in ("now", "assumed", "narrowest", "noise")),
        *((name, DOUBLE) for name in ("stray", "stray_speed", "other_clothes")),
    )


class _Filters(ctypes.Structure):
    """Filters of native/smoothing.c."""

    _fields_ = (
        *((name, LONG) for name in ("people", "joints")),
        *((name, ARRAY) for name in ("rows", "xy", "raw", "speed", "seen", "drift")),
        *((name, ARRAY) for name in ("size", "time")),
        *((name, DOUBLE) for name in ("now", "max_gap", "turn", "size_cutoff", "body_cutoff")),
        *((name, DOUBLE) for name in ("speed_cutoff", "min_cutoff", "beta", "carried")),
        ("enough", LONG),
    )


_SCENE, _FILTERS = ctypes.POINTER(_Scene), ctypes.POINTER(_Filters)
_ARGUMENTS: dict[str, tuple[object, ...]] = {  # of native/*.c, by the function's name
    "sizes": (LONG, LONG, ARRAY, INT, DOUBLE, ARRAY),
    "apart": (LONG, LONG, LONG, *(ARRAY,) * 7),
    "means": (LONG, LONG, ARRAY, ARRAY, ARRAY),
    "pairs": (_SCENE, *(ARRAY,) * 5),
    "likeness": (_SCENE, *(ARRAY,) * 3, *(DOUBLE,) * 3, ARRAY, ARRAY),
    "predict": (_SCENE, ARRAY, ARRAY, DOUBLE, *(ARRAY,) * 3),
    "learn": (_SCENE, LONG, *(ARRAY,) * 3, DOUBLE, *(ARRAY,) * 6),
    "smooth": (_FILTERS, *(ARRAY,) * 5),
    "colours": (ARRAY, *(LONG,) * 4, ARRAY, LONG, *(ARRAY,) * 4, LONG, ARRAY, ARRAY),
    "shrink": (ARRAY, LONG, LONG, LONG, ARRAY, LONG, LONG, ARRAY),
    "cover": (LONG, LONG, ARRAY, FLOAT, FLOAT, LONG, LONG, ARRAY),
    "differ": (*(ARRAY,) * 4, LONG, LONG, LONG, INT, INT),
}


class TrackingLoops:
    """The loops of one compiled file; arguments and results as of the definitions."""

    def __init__(self, file: CompiledFile) -> None:
        self._addresses = file.addresses
        self._do = file.functions(_ARGUMENTS, {"differ": INT})

    def body_size(self, xy: NDArray[np.floating], narrowest: float) -> Floats:
        """As `oks.body_size`."""
        size = np.empty(len(xy))
        single = xy.dtype == np.float32
        self._do.sizes(*xy.shape[:2], _doubles(xy), single, narrowest, size)
        return size

    def similarity(
        self,
        a: NDArray[np.floating],
        b: NDArray[np.floating],
        sigmas: tuple[float, ...],
        size: Floats,
        moved: NDArray[np.floating] | None,
    ) -> Floats:
        """As `oks.similarity`, of (P, Q) sizes."""
        shape = len(a), len(b), a.shape[1]
        exponents, common, mean = np.empty(shape), np.empty(shape[:2]), np.empty(shape[:2])
        moved = None if moved is None else _doubles(moved)
        arrays = _doubles(a), _doubles(b), _array_of(sigmas), size, moved, exponents, common
        self._do.apart(*shape, *arrays)
        np.exp(exponents, out=exponents)
        self._do.means(mean.size, shape[2], exponents, common, mean)
        return mean

    def likeness(
        self,
        xy: NDArray[np.float32],
        colours: NDArray[np.floating],
        known: Sequence[NDArray[np.generic]],
        numbers: Sequence[float],
        caution: float,
        worth: Sequence[float],
    ) -> tuple[Floats, Floats]:
        """As `tracks.compare`.

        Args:
            xy: (P, K, 2); colours: (P, L, 3).
            known: arrays of N tracks and of the skeleton, as from `known` to `mirror` in `_Scene`.
            numbers: as from `now` in `_Scene`.
            caution: power of the share that noise has.
            worth: of what is mirrored; of other clothes at least; of colours alone.
        """
        shape = len(xy), len(known[0])
        joints, limbs = xy.shape[1], colours.shape[1]
        single, arrays = xy.dtype == np.float32, (_doubles(xy), _doubles(colours), *known)
        scene = _Scene(*shape, joints, limbs, single, *self._addresses(arrays), *numbers)
        memory, sizes = np.empty(3 * joints + limbs), np.empty(sum(shape))
        ratio, common = np.empty(shape), np.empty((*shape, 2))
        exponents = np.empty((*shape, 3 + 2 * joints))
        self._do.pairs(scene, sizes, memory, ratio, common, exponents)
        np.exp(exponents, out=exponents)
        alike, likely = np.empty(shape), np.empty(shape)
        self._do.likeness(scene, ratio**caution, exponents, common, *worth, alike, likely)
        return alike, likely

    def move_on(
        self,
        tracks: tuple[Floats, Floats, Floats],
        steps: Sequence[float],
        shift: Floats,
        wander: float,
        numbers: tuple[float, float],
    ) -> None:
        """As `tracks.moved_on`, in place.

        Args:
            tracks: xy, velocity and cov.
            steps: as in native/tracks.c; shift: of the camera.
            wander: see `kalman`; numbers: the assumed size, and the narrowest box.
        """
        xy = tracks[0]
        scene = _Scene(tracks=len(xy), joints=xy.shape[1], assumed=numbers[0], narrowest=numbers[1])
        self._do.predict(scene, np.array(steps), _doubles(shift), wander, *tracks)

    def learn(
        self,
        tracks: Sequence[Floats],
        which: tuple[Rows, Rows],
        people: tuple[NDArray[np.float32], NDArray[np.floating], NDArray[np.float32]],
        share: float,
        numbers: tuple[float, float, float],
    ) -> None:
        """As `tracks.learnt`, in place.

        Args:
            tracks: xy, velocity, cov, evidence and colours.
            which: rows of people and of tracks, in pairs.
            people: xy, colours and scores.
            share: of new colours; numbers: the assumed size, the narrowest box, and noise.
        """
        xy, colours = _doubles(people[0]), _doubles(people[1])
        scene = _Scene(
            joints=xy.shape[1],
            limbs=colours.shape[1],
            xy=self._addresses((xy,))[0],
            colours=self._addresses((colours,))[0],
            **dict(zip(("assumed", "narrowest", "noise"), numbers, strict=True)),
        )
        memory = np.empty(3 * xy.shape[1])
        scores = _doubles(people[2])
        self._do.learn(scene, len(which[0]), *which, scores, share, memory, *tracks)

    def smooth(
        self,
        rows: Rows,
        columns: Sequence[Floats],
        numbers: Sequence[float],
        enough: int,
        measured: NDArray[np.float32],
        sizes: Floats,
    ) -> Floats:
        """As `Smoother._smooth`, of some `rows` of what is remembered, which changes.

        Args:
            rows: (P,) of people.
            columns: as from `xy` to `time` in `_Filters`; numbers: as from `now`.
            enough: joints.
            measured: (P, K, 2); sizes: (P,).
        """
        people, joints = measured.shape[:2]
        lie = self._addresses((rows, *columns))
        filters = _Filters(people, joints, *lie, *numbers, enough)
        memory, smooth = np.empty(3 * joints), np.empty(measured.shape)
        moved = np.empty(joints, np.int64)
        self._do.smooth(filters, _doubles(measured), sizes, moved, memory, smooth)
        return smooth

    def colours(
        self,
        pixels: Bytes,
        xy: NDArray[np.floating],
        samples: tuple[Rows, Rows, Rows, Floats],
        limbs: int,
    ) -> NDArray[np.float32]:
        """As `appearance.appearance`; samples: start, end, kind and place along it."""
        people, joints = xy.shape[:2]
        mean, totals = np.empty((people, limbs, 3), np.float32), np.empty((limbs, 4), np.int64)
        pixels, shape = np.ascontiguousarray(pixels), (*pixels.shape[:2], people, joints)
        arrays = len(samples[0]), *samples, limbs, totals, mean
        self._do.colours(pixels, *shape, _doubles(xy), *arrays)
        return mean

    def shrink(self, pixels: Bytes, cell: int, at: Sequence[int]) -> Bytes:
        """As `camera_motion._shrink`; at: rows and columns of a cell that are looked at."""
        small = np.empty((pixels.shape[0] // cell, pixels.shape[1] // cell), np.uint8)
        places = np.array(at, np.int64)
        pixels = np.ascontiguousarray(pixels)
        self._do.shrink(pixels, pixels.shape[1], cell, len(at), places, *small.shape, small)
        return small

    def cover(
        self, free: NDArray[np.bool_], xy: NDArray[np.float32], cell: int, part: float
    ) -> None:
        """As `camera_motion._free_of_people`, in place; part: of a box that is around it."""
        self._do.cover(*xy.shape[:2], xy, cell, part, *free.shape, free)

    def differ(
        self,
        small: tuple[Bytes, Bytes],
        free: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        tiles: int,
        levels: tuple[int, int],
    ) -> tuple[bool, bool]:
        """Whether two views differ nearly everywhere, and by a lot; see `camera_motion.between`."""
        differ = self._do.differ(*small, *free, *small[0].shape, tiles, *levels)
        return bool(differ & 1), bool(differ & 2)


@cache
def compiled_loops() -> TrackingLoops | None:
    """The loops that were built with the package; None where there was no compiler."""
    file = compiled_file()
    return TrackingLoops(file) if file else None


def _doubles(numbers: NDArray[np.floating]) -> Floats:
    return np.ascontiguousarray(numbers, np.float64)


@lru_cache(maxsize=8)
def _array_of(numbers: tuple[float, ...]) -> Floats:
    return np.array(numbers)
