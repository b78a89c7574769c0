"""Where `process` writes: files named after the input, beside what the user has, never over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from app.process.inputs import OVERLAY, Job
from app.tracks.ledger import Ledger, Output
from app.tracks.table import FORMATS
from engine.errors import DataError
from engine.files import HIDDEN
from engine.settings import OutputSettings

_MOST_NAMES = 1000

Identities = frozenset[tuple[int, int]]  # device and inode of files


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files of one job."""

    folder: Path
    name: str
    tracks: dict[str, Output]  # by format
    overlay: Output | None  # a video; of images a picture or a folder of pictures
    report: Output | None = None  # HTML
    note: str = ""  # why they are called otherwise than the input

    def all(self) -> list[Output]:
        """Everything that is wanted, tracks first."""
        extra = (output for output in (self.overlay, self.report) if output is not None)
        return [*self.tracks.values(), *extra]

    def hidden(self, ending: str) -> Path:
        """A file of our own about the job."""
        return self.folder / HIDDEN / (self.name + ending)

    @property
    def hidden_tracks(self) -> Output:
        """NDJSON tracks that the user did not ask for, or that are not final."""
        return Output("tracks", self.hidden(".ndjson"))


def place(
    jobs: Sequence[Job], out: Path, settings: OutputSettings, *, force: bool = False
) -> list[Outputs]:
    """Choose where each job writes: an input is never written over, nor a file that is not ours.

    Where such a file is in the way, the names get a number: clip-2.csv.

    Args:
        force: files that are not ours may be replaced, inputs still not.
    """
    taken = {job.name.casefold() for job in jobs}
    inputs = _identities(file for job in jobs for file in job.files)
    placed = []
    for job in jobs:
        chosen = _outputs(job, job.name, out, inputs, settings)
        for number in range(2, _MOST_NAMES):
            blocked = _in_the_way(chosen, inputs, force=force)
            if blocked is None:
                break
            name = f"{job.name}-{number}"
            if name.casefold() in taken:
                continue
            note = f"{blocked} is not of this program: the results are called {name}"
            chosen = _outputs(job, name, out, inputs, settings, note)
        taken.add(chosen.name.casefold())
        placed.append(chosen)
    return placed


def moved(files: Outputs, folder: Path) -> Outputs:
    """The same outputs in another folder."""

    def there(output: Output) -> Output:
        path = folder / output.path.relative_to(files.folder)
        inside = None
        if output.folder is not None:
            inside = folder / output.folder.relative_to(files.folder)
        return replace(output, path=path, folder=inside)

    return Outputs(
        folder,
        files.name,
        {name: there(output) for name, output in files.tracks.items()},
        there(files.overlay) if files.overlay is not None else None,
        there(files.report) if files.report is not None else None,
        files.note,
    )


def pictures(overlay: Path, files: Sequence[Path]) -> list[Path]:
    """The overlay picture of each image: its own name, numbered where names are not distinct."""
    if len(files) == 1:
        return [overlay]
    stems = [file.stem for file in files]
    if len(set(stems)) < len(stems):
        stems = [f"{index:06d}_{stem}" for index, stem in enumerate(stems)]
    return [overlay / f"{stem}.jpg" for stem in stems]


def _outputs(
    job: Job,
    name: str,
    out: Path,
    inputs: Identities,
    settings: OutputSettings,
    note: str = "",
) -> Outputs:
    tracks: dict[str, Output] = {f: FORMATS[f].output(out, name) for f in settings.formats}
    report = Output("report", out / f"{name}.html") if settings.report else None
    overlay = _overlay(job, name, out, inputs) if settings.overlay else None
    return Outputs(out, name, tracks, overlay, report, note)


def _overlay(job: Job, name: str, out: Path, inputs: Identities) -> Output:
    if len(job.images) > 1:
        folder = out / (name + OVERLAY)
        names = frozenset(path.name for path in pictures(folder, job.images))
        return Output("overlay", folder, folder, names=names)
    if job.images:
        return Output("overlay", out / f"{name}{OVERLAY}.jpg")
    beside = _is_one_of(out / f"{name}.mp4", inputs)
    return Output("overlay", out / (f"{name}{OVERLAY}.mp4" if beside else f"{name}.mp4"))


def _in_the_way(outputs: Outputs, inputs: Identities, *, force: bool) -> Path | None:
    """A file that must not be replaced, where an output would go."""
    try:
        ledger = Ledger(outputs.folder, outputs.name, force=force)
    except DataError:  # found again, and reported, when the job is begun
        return None
    for output in outputs.all():
        for file in output.files():
            if _is_one_of(file, inputs):
                return file
        strangers = [] if force else ledger.strangers(output)
        if strangers:
            return strangers[0]
    return None


def _identities(files: Iterable[Path]) -> Identities:
    """What tells files from each other, whatever they are called."""
    found = set()
    for file in files:
        with suppress(OSError):  # one that is gone, or in a folder that may not be read
            facts = file.stat()
            found.add((facts.st_dev, facts.st_ino))
    return frozenset(found)


def _is_one_of(path: Path, files: Identities) -> bool:
    """Whether a path is one of these files; one look at the disk, however many they are."""
    return bool(_identities([path]) & files)
