"""What `process` is to work on: names, folders and patterns become jobs with files to write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.tracks.table import FORMATS
from engine.errors import SourceError
from engine.settings import OutputSettings
from engine.sources.container import is_url
from engine.sources.images import SUFFIXES as IMAGES
from engine.sources.images import image_files, matching, natural

VIDEOS = frozenset(
    {
        *(".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts"),
        *(".m2ts", ".wmv", ".flv", ".3gp", ".ogv", ".gif", ".mxf", ".vob", ".h264", ".hevc"),
    }
)
HIDDEN = ".posestream"  # folder of our own notes among the outputs
OVERLAY = "_overlay"  # ends the names of our own videos where they lie beside their sources


@dataclass(frozen=True, slots=True)
class Job:
    """One source and the stem of the files that are written about it."""

    source: str  # for `open_source`
    name: str


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files of one job."""

    folder: Path
    name: str
    tracks: dict[str, Path]  # format -> file, folder, or beginning of the names of files
    overlay: Path | None  # a video; for images a picture or a folder of pictures
    report: Path | None = None  # HTML

    def all(self) -> list[Path]:
        """Everything that is written, tracks first; of TRC the name it begins with."""
        extra = (path for path in (self.overlay, self.report) if path is not None)
        return [*self.tracks.values(), *extra]

    def complete(self) -> bool:
        """Whether all of it is there."""
        there = (FORMATS[name].exists(path) for name, path in self.tracks.items())
        rest = self.all()[len(self.tracks) :]
        return all(there) and all(path.exists() for path in rest)

    def hidden(self, ending: str) -> Path:
        """A file of our own about the job."""
        return self.folder / HIDDEN / (self.name + ending)


def plan(texts: Sequence[str]) -> tuple[list[Job], dict[str, SourceError]]:
    """Turn what the user named into jobs; what stands for nothing is returned with its error.

    A folder means every video in it, and all its images as one source. A pattern means every video
    that matches, and all matching images as one source. A file named twice is one job.
    """
    sources: dict[str, str] = {}  # source -> proposed name, in order
    problems: dict[str, SourceError] = {}
    for text in texts:
        found = list(_sources(text))
        if not found:
            problems[text] = SourceError(_nothing(text))
        sources.update({source: name for source, name in found if source not in sources})
    names = _distinct(list(sources.values()))
    return [Job(source, name) for source, name in zip(sources, names, strict=True)], problems


def outputs(job: Job, out: Path, inputs: Sequence[Path], settings: OutputSettings) -> Outputs:
    """Where a job writes. Never an input: an overlay beside its source is NAME_overlay."""
    overlay: Path | None = out / f"{job.name}.mp4"
    images = [] if is_url(job.source) else image_files(job.source)
    if not settings.overlay:
        overlay = None
    elif images:
        overlay = out / (job.name + OVERLAY + (".jpg" if len(images) == 1 else ""))
    elif _is_one_of(out / f"{job.name}.mp4", inputs):
        overlay = out / f"{job.name}{OVERLAY}.mp4"
    tracks: dict[str, Path] = {f: FORMATS[f].path(out, job.name) for f in settings.formats}
    report = out / f"{job.name}.html" if settings.report else None
    return Outputs(out, job.name, tracks, overlay, report)


def pictures(overlay: Path, files: Sequence[Path]) -> list[Path]:
    """The overlay picture of each image: its own name, numbered where names are not distinct."""
    if len(files) == 1:
        return [overlay]
    stems = [file.stem for file in files]
    if len(set(stems)) < len(stems):
        stems = [f"{index:06d}_{stem}" for index, stem in enumerate(stems)]
    return [overlay / f"{stem}.jpg" for stem in stems]


def _sources(text: str) -> Iterator[tuple[str, str]]:
    path = Path(text)
    if is_url(text):
        yield text, _url_name(text)
    elif path.is_dir():
        yield from _videos(path.iterdir())
        if image_files(text):
            yield text, path.resolve().name
    elif path.exists():
        yield text, path.stem
    elif _is_pattern(text):
        matches = [match for match in matching(text) if match.is_file()]
        yield from ((str(p), p.stem) for p in matches if p.suffix.lower() not in IMAGES)
        if image_files(text):
            yield text, matches[0].resolve().parent.name


def _videos(files: Iterator[Path]) -> Iterator[tuple[str, str]]:
    for file in natural(files):
        if file.suffix.lower() in VIDEOS and not file.stem.endswith(OVERLAY):
            yield str(file), file.stem


def _nothing(text: str) -> str:
    if Path(text).is_dir():
        return f"there are no videos and no images in the folder {text}"
    return f"nothing matches {text}" if _is_pattern(text) else f"there is no file {text}"


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _url_name(text: str) -> str:
    parts = urlsplit(text)
    return Path(parts.path).stem or parts.hostname or "stream"


def _distinct(names: list[str]) -> list[str]:
    """The same names, the later of equal ones with a number: clip, clip-2."""
    given: set[str] = set()
    for i, name in enumerate(names):
        number, free = 1, name
        while free.casefold() in given or (number > 1 and free in names):
            number += 1
            free = f"{name}-{number}"
        given.add(free.casefold())
        names[i] = free
    return names


def _is_one_of(path: Path, files: Sequence[Path]) -> bool:
    return path.exists() and any(file.exists() and path.samefile(file) for file in files)
