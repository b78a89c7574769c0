"""The inputs of `process`: names, folders and patterns become jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from app.tracks.ledger import written_by_us
from app.tracks.names import distinct
from engine.errors import SourceError
from engine.sources import open_source
from engine.sources.addresses import STANDARD_INPUT, is_url, shown, stem_of
from engine.sources.excerpt import WHOLE, Excerpt, Part
from engine.sources.images import SUFFIXES as IMAGES
from engine.sources.images import (
    ImageSource,
    hidden_files,
    hidden_note,
    image_files,
    matching,
    natural,
    visible,
)
from engine.sources.source import Source
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
OVERLAY = "_overlay"  # ends the names of overlays that lie beside their source
LONGEST = 4096  # characters of a path that a system takes


@dataclass(frozen=True, slots=True)
class Job:
    """One source and the stem of the files that are written about it."""

    source: str  # for `open_source`
    name: str
    images: tuple[Path, ...] = ()  # of a source of images: its files
    part: Part = WHOLE  # which of its frames

    @property
    def files(self) -> tuple[Path, ...]:
        """What the source reads; nothing where it can be read only once."""
        if self.images:
            return self.images
        once = is_url(self.source) or not Path(self.source).is_file()
        return () if once else (Path(self.source),)

    def open(self, opener: Callable[[str], Source] = open_source) -> Source:
        """Open the source.

        Args:
            opener: opens what is not a source of images.

        Raises:
            SourceError: it cannot be read.
        """
        source = self._images() if self.images else opener(self.source)
        return Excerpt(source, self.part) if self.part.chosen else source

    def _images(self) -> Source:
        hidden = hidden_files(self.source)
        return ImageSource(self.images, shown(self.source), hidden=hidden)


def plan(
    texts: Sequence[str],
    part: Part = WHOLE,
) -> tuple[list[Job], dict[str, SourceError]]:
    """Turn what the user named into jobs; what stands for nothing is returned with its error.

    A folder means every video in it, and all its images as one source. A pattern means every video
    that matches, and all matching images as one source. What this program wrote there is left out.
    A file named twice is one job.
    """
    found: dict[str, Job] = {}  # by source, in order
    problems: dict[str, SourceError] = {}
    for text in texts:
        try:
            jobs = list(_jobs(text, part))
        except OSError as error:  # a name that is too long, a folder that may not be read
            problems[text] = SourceError(f"{shown(text)} cannot be opened: {error.strerror}")
            continue
        if not jobs:
            problems[text] = SourceError(_nothing(text))
        found |= {job.source: job for job in jobs if job.source not in found}
    names = distinct([job.name for job in found.values()])
    named = zip(found.values(), names, strict=True)
    return [replace(job, name=name) for job, name in named], problems


def passed_over(texts: Sequence[str]) -> list[str]:
    """Sentences about hidden videos in the named folders; an image source counts its own."""
    counts = {text: hidden_files(text, VIDEOS) for text in texts if len(text) < LONGEST}
    return [f"{shown(text)}: {hidden_note(count)}" for text, count in counts.items() if count]


def _jobs(text: str, part: Part) -> Iterator[Job]:
    path = Path(text)
    if text == STANDARD_INPUT:
        yield Job(text, "stdin", part=part)
    elif is_stored(text):
        yield from (Job(address, stem_of(address), part=part) for address in _stored(text))
    elif is_url(text):
        yield Job(text, stem_of(text), part=part)
    elif path.is_dir():
        yield from _several(visible(path), text, path.resolve().name, part)
    elif path.exists():
        images = tuple(image_files(text))
        yield Job(text, stem_of(text), images, part)
    elif _is_pattern(text):
        files = [match for match in matching(text) if match.is_file()]
        if files:
            yield from _several(files, text, files[0].resolve().parent.name, part, any_video=True)


def _several(
    files: Iterable[Path], text: str, name: str, part: Part, *, any_video: bool = False
) -> Iterator[Job]:
    """The videos among files, and their images as one source called `name`."""
    every = list(files)
    images = set(image_files(text))
    videos = [
        file
        for file in every
        if file.suffix.lower() in VIDEOS or (any_video and file.suffix.lower() not in IMAGES)
    ]
    ours = written_by_us([*videos, *images])
    for video in natural(video for video in videos if video not in ours):
        yield Job(str(video), stem_of(str(video)), part=part)
    pictures = natural(images - ours)
    if pictures:
        yield Job(text, name, tuple(pictures), part)


def _stored(text: str) -> Iterator[str]:
    """A file in an object store, all videos in a folder there, or all that match a pattern."""
    if PurePosixPath(text).suffix.lower() in VIDEOS and not _is_pattern(text):
        yield text  # opening it will say whether it is there
        return
    for address in listing(text):
        name = PurePosixPath(address)  # a store has no record of what we wrote: by its name
        if name.suffix.lower() in VIDEOS and not name.stem.endswith(OVERLAY):
            yield address


def _nothing(text: str) -> str:
    name = shown(text)
    if Path(text).is_dir():
        return f"there are no videos and no images to process in the folder {name}"
    return f"nothing matches {name}" if _is_pattern(text) else f"there is no file {name}"


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")
