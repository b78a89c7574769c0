"""The formats by name: where each is written, and how it is opened to write or to read."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.tracks.ledger import Output
from app.tracks.writer import Writer
from engine.errors import DataError, SettingsError
from engine.offline.recording import Recording, collect, skeleton_of
from engine.types import Result


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write tracks down."""

    name: str
    ending: str  # after the input's name; a folder where it ends with "/"
    module: str  # has `open_writer(path, header)` and, where it can be read, `read(path)`
    what: str
    extra: str = ""  # of the package, that brings what it needs
    pattern: str = ""  # of several files: regular expression of their names after the input's

    def path(self, folder: Path, name: str, unit: str = "") -> Path:
        """Where the tracks of an input go; of TRC, which has a file per person, the stem.

        Args:
            unit: "_m" for metres instead of pixels.
        """
        ending = self.ending.rstrip("/")
        return folder / (name + unit + (ending.removeprefix("_px") if unit else ending))

    def output(self, folder: Path, name: str, unit: str = "") -> Output:
        """The files that the tracks of an input go to; arguments as of `path`."""
        path = self.path(folder, name, unit)
        if self.ending.endswith("/"):
            return Output(self.name, path, path, self.pattern.format(re.escape(name)))
        if self.pattern:
            return Output(self.name, path, folder, self.pattern.format(re.escape(path.name)))
        return Output(self.name, path)


_EXTRA = "formats"
_OPENPOSE = r"{}_\d{{6,}}_keypoints\.json"
_TRC = r"{}_person\d+\.trc"
_YOLO = r"data\.yaml|train/labels/.*\.txt"
_ANGLES = r".*\.mot"
_FRAMES = r".*\.jpg"
FORMATS = {
    f.name: f
    for f in (
        Format("ndjson", ".ndjson", "app.tracks.ndjson", "everything, a JSON line per frame"),
        Format("csv", ".csv", "app.tracks.csv", "a row per person and frame"),
        Format("parquet", ".parquet", "app.tracks.parquet", "everything, in columns", "parquet"),
        Format("coco", ".coco.json", "app.tracks.coco", "COCO annotations with track ids"),
        Format(
            "coco-results", ".coco-results.json", "app.tracks.coco_results", "a list of results"
        ),
        Format(
            "openpose",
            "_json/",
            "app.tracks.openpose",
            "OpenPose JSON, a file per frame",
            pattern=_OPENPOSE,
        ),
        Format(
            "trc", "_px", "app.tracks.trc", "TRC markers in pixels, a file per person", pattern=_TRC
        ),
        Format("mot", ".mot.txt", "app.tracks.mot", "boxes as in the MOT challenge"),
        Format(
            "yolo", "_yolo/", "app.tracks.yolo", "YOLO-pose labels, a file per frame", pattern=_YOLO
        ),
        Format("c3d", ".c3d", "app.tracks.c3d", "C3D points of all people", _EXTRA),
        Format("dlc-csv", ".dlc.csv", "app.tracks.deeplabcut", "DeepLabCut's table as CSV"),
        Format("dlc-h5", ".dlc.h5", "app.tracks.deeplabcut", "DeepLabCut's table in HDF5", _EXTRA),
        Format("sleap", ".analysis.h5", "app.tracks.sleap", "SLEAP's analysis HDF5", _EXTRA),
        Format("nwb", ".nwb", "app.tracks.nwb", "NWB with ndx-pose", _EXTRA),
        Format("angles", ".angles.csv", "app.tracks.angles", "joint angles in degrees"),
        Format(
            "angles-mot",
            "_angles/",
            "app.tracks.opensim_motion",
            "joint angles for OpenSim",
            pattern=_ANGLES,
        ),
        Format(
            "frames",
            "_frames/",
            "app.overlay.frames",
            "a video's pictures, as JPEGs",
            pattern=_FRAMES,
        ),
    )
}


def formats_named(text: str) -> list[Format]:
    """The formats of a list such as "ndjson,csv".

    Raises:
        SettingsError: there is no such format.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in FORMATS:
            raise SettingsError(f"no format {name!r}; there are {', '.join(FORMATS)}")
    return [FORMATS[name] for name in dict.fromkeys(names)]


def format_of(path: Path) -> Format:
    """The format that a file or folder of tracks is in, by its name.

    Raises:
        DataError: the name does not tell.
    """
    name = path.name.lower()
    if name.endswith(".trc"):
        return FORMATS["trc"]
    if path.is_dir():
        return FORMATS["yolo" if (path / "data.yaml").exists() else "openpose"]
    endings = {f.ending: f for f in FORMATS.values() if not f.ending.startswith("_")}
    more = {
        ".json": FORMATS["coco"],
        ".txt": FORMATS["mot"],
        ".jsonl": FORMATS["ndjson"],
        ".h5": FORMATS["sleap" if _holds(path, b"track_occupancy") else "dlc-h5"],
    }
    for ending, found in sorted({**endings, **more}.items(), key=lambda item: -len(item[0])):
        if name.endswith(ending):
            return FORMATS["dlc-csv"] if found.name == "csv" and _holds(path, b"scorer") else found
    raise DataError(
        f"cannot tell the format of {path} by its name; say it with --from: {', '.join(FORMATS)}"
    )


def _holds(path: Path, word: bytes) -> bool:
    """Whether a word is near the beginning of a file, which names of DeepLabCut do not tell."""
    try:
        with path.open("rb") as file:
            return word in file.read(8192)
    except OSError:
        return False


def open_writer(kind: Format, path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of this format, for the source that the header describes.

    Raises:
        OutputError: the file cannot be written.
    """
    writer: Writer = importlib.import_module(kind.module).open_writer(path, header)
    return writer


def read(path: Path, kind: Format | None = None) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and, frame by frame, the results of a file of tracks; pictures are black.

    Raises:
        DataError: the file is missing or not what it should be, also while iterating.
    """
    kind = kind or format_of(path)
    if not path.exists():
        raise DataError(f"no tracks at {path}")
    header, results = importlib.import_module(kind.module).read(path)
    return header, results


def read_recording(path: Path, kind: Format | None = None) -> Recording:
    """All of a file of tracks as arrays."""
    header, results = read(path, kind)
    return collect(results, skeleton_of(header), header)
