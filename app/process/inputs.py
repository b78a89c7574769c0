"""What `process` is to work on: names, folders and patterns become jobs with files to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.tracks.table import FORMATS
from engine.errors import SourceError
from engine.files import HIDDEN
from engine.settings import OutputSettings
from engine.sources.addresses import is_url, shown, stem_of
from engine.sources.images import SUFFIXES as IMAGES
from engine.sources.images import hidden_files, hidden_note, image_files, matching, natural, visible
from engine.sources.stores import is_stored, listing

VIDEOS = frozenset(
    {
        *(".mp4", ".mov", ".m4v", ".qt", ".3gp", ".3g2", ".f4v", ".mkv", ".webm", ".avi", ".divx"),
        *(".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".mpv", ".vob", ".mod", ".tod", ".dat", ".ts"),
        *(".mts", ".m2t", ".m2ts", ".trp", ".tp", ".wmv", ".asf", ".wtv", ".dvr-ms", ".flv"),
        *(".ogv", ".ogm", ".rm", ".rmvb", ".mxf", ".gxf", ".dv", ".dif", ".nut", ".amv", ".dav"),
        *(".gif", ".apng", ".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".vc1", ".ivf"),
        *(".obu", ".av1", ".y4m", ".mjpg", ".mjpeg", ".heic", ".heif", ".avif", ".insv", ".lrv"),
    }
)  # what cameras and programs write and PyAV opens
LONGEST = 4096  # characters of a path that a system takes
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
        try:
            found = list(_sources(text))
        except OSError as error:  # such as a name that is too long, or a folder that is locked
            problems[text] = SourceError(f"{shown(text)} cannot be opened: {error.strerror}")
            continue
        if not found:
            problems[text] = SourceError(_nothing(text))
        sources.update({source: name for source, name in found if source not in sources})
    names = _distinct(list(sources.values()))
    return [Job(source, name) for source, name in zip(sources, names, strict=True)], problems


def passed_over(texts: Sequence[str]) -> list[str]:
    """Sentences about hidden videos in the named folders; an image source counts its own."""
    counts = {text: hidden_files(text, VIDEOS) for text in texts if len(text) < LONGEST}
    return [f"{shown(text)}: {hidden_note(count)}" for text, count in counts.items() if count]


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
    if is_stored(text):
        yield from _stored(text)
    elif is_url(text):
        yield text, stem_of(text)
    elif path.is_dir():
        yield from _videos(visible(path))
        if image_files(text):
            yield text, path.resolve().name
    elif path.exists():
        yield text, stem_of(text)
    elif _is_pattern(text):
        matches = [match for match in matching(text) if match.is_file()]
        yield from ((str(p), stem_of(str(p))) for p in matches if p.suffix.lower() not in IMAGES)
        if image_files(text):
            yield text, matches[0].resolve().parent.name


def _stored(text: str) -> Iterator[tuple[str, str]]:
    """A file in an object store, all videos in a folder there, or all that match a pattern."""
    if PurePosixPath(text).suffix.lower() in VIDEOS and not _is_pattern(text):
        yield text, stem_of(text)  # opening it will say whether it is there
        return
    for address in listing(text):
        name = PurePosixPath(address)
        if name.suffix.lower() in VIDEOS and not name.stem.endswith(OVERLAY):
            yield address, stem_of(address)


def _videos(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for file in natural(files):
        if file.suffix.lower() in VIDEOS and not file.stem.endswith(OVERLAY):
            yield str(file), stem_of(str(file))


def _nothing(text: str) -> str:
    name = shown(text)
    if Path(text).is_dir():
        return f"there are no videos and no images in the folder {name}"
    return f"nothing matches {name}" if _is_pattern(text) else f"there is no file {name}"


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


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
