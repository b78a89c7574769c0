"""SLEAP's analysis HDF5: arrays of tracks, as `sleap-convert --format analysis` writes them.

Needs h5py (extra `formats`). The arrays are stored as SLEAP's MATLAB-friendly layout has them:
the frame is their last axis. `posestream_time`, which SLEAP does not write, is there for reading
back. People without an id are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from app.tracks.dense import WholeWriter, checked_dense, dense, results_of
from app.tracks.hdf5 import Contents, opened
from app.tracks.header import checked_header
from app.tracks.person_names import person_names
from app.tracks.writer import Writer
from engine.offline.recording import Recording
from engine.types import Result

_TIME = "posestream_time"


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file."""
    return WholeWriter(path, header, _save)


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results; without our times a frame's time is its number.

    Raises:
        DataError: this is not an analysis file.
    """
    with opened(path, "a SLEAP analysis file") as file:
        names = file.texts("track_names") if "track_names" in file else []
        parts = file.texts("node_names")
        tracks = file.numbers("tracks", None, 2, len(parts), None)  # (N, 2, K, T)
        count, _, joints, frames = tracks.shape
        score = _scores(file, "point_scores", (count, joints, frames))
        person = _scores(file, "instance_scores", (count, frames))
        time = file.numbers(_TIME, frames) if _TIME in file else np.arange(frames, dtype=np.float64)
        limbs = file.whole("edge_inds", None, 2).tolist() if file.size("edge_inds") else []
    names = names if len(names) == count else [str(n) for n in range(count)]
    header: dict[str, Any] = {"source": path.stem, "size": [0, 0], "rate": None}
    header = checked_header({**header, "keypoints": parts, "skeleton": limbs}, str(path))
    xy = tracks.transpose(3, 0, 2, 1)
    found = checked_dense(str(path), names, time, xy, score.transpose(2, 0, 1), person.T)
    return header, results_of(found, (0, 0))


def _save(path: Path, recording: Recording) -> None:
    found = dense(recording)
    seen = ~np.isnan(found.person)
    names, limbs = recording.skeleton.names, recording.skeleton.limbs
    content: dict[str, Any] = {
        "tracks": found.xy.transpose(1, 3, 2, 0).astype(np.float64),
        "track_occupancy": seen.astype(np.uint8),  # (T, N)
        "point_scores": found.score.transpose(1, 2, 0).astype(np.float64),
        "instance_scores": found.person.T.astype(np.float64),
        "tracking_scores": np.where(seen, 1.0, np.nan).T,
        "track_names": _utf8(person_names(found.ids)),
        "node_names": _utf8(names),
        "edge_inds": np.array(limbs, np.int64).reshape(-1, 2),
        "edge_names": _utf8([names[at] for limb in limbs for at in limb]).reshape(-1, 2),
        _TIME: found.time,
    }
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            file.create_dataset(name, data=value)
        for name in ("video_path", "labels_path"):
            file.create_dataset(name, data=str(recording.header.get("source", "")))
        file.create_dataset("video_ind", data=0)
        file.create_dataset("provenance", data="{}")


def _utf8(texts: Sequence[str]) -> NDArray[np.bytes_]:
    """Texts of equal length in bytes, as SLEAP stores and decodes them."""
    return np.array([text.encode() for text in texts], "S")


def _scores(file: Contents, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """An array of scores; 1 where the file has none."""
    return file.numbers(name, *shape) if name in file else np.ones(shape)
