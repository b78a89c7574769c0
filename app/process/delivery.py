"""Results in an object store: made in a local folder, then sent as whole files.

A note beside them, written last, says what they depend on and how large they are, so a later run
finds them up to date without reading them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from app.process.content import Content
from app.process.inputs import Job
from app.process.outcome import Outcome
from app.process.outputs import Outputs
from app.process.sinks import describe
from engine.errors import PoseError
from engine.files import HIDDEN
from engine.settings import Settings
from engine.sources.addresses import shown
from engine.sources.stores import read_stored, send, stored_size, write_stored


def staging(address: str) -> Path:
    """The local folder in which the results for an address are made; it survives a stopped run."""
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    return user_cache_path("posestream") / "outbox" / name


def marked(address: str) -> str:
    """Write a small file into a folder for results, before hours of work; its address.

    Raises:
        OutputError: the folder takes no files.
    """
    mark = f"{address}/{HIDDEN}/mark"
    write_stored(mark, b"posestream can write here; every machine of a cluster must see this\n")
    return mark


def process_and_deliver(
    job: Job,
    files: Outputs,
    settings: Settings,
    estimator: Any,
    address: str,
    process: Callable[[], Outcome],
    *,
    force: bool,
) -> Outcome:
    """Process one input and send its files, unless that was done before.

    Args:
        files: in the local folder.
        process: makes them.
    """
    try:
        with closing(job.open()) as source:
            content = Content(source).key
        key = delivery_key(content, settings, describe(estimator), files.name)
        if content is not None and not force and is_delivered(address, files.name, key):
            return Outcome(shown(job.source), skipped=True)
        outcome = named_as_sent(process(), files.folder, address)
        made = [file for output in files.all() for file in output.files() if file.is_file()]
        deliver(made, files.folder, address, files.name)
        if outcome.complete:
            note_delivered(address, files.name, key)
            for file in [*made, *(files.folder / HIDDEN).glob(f"{files.name}.*")]:
                file.unlink(missing_ok=True)
    except PoseError as error:
        return Outcome(shown(job.source), error=str(error))
    return outcome


def named_as_sent(outcome: Outcome, folder: Path, address: str) -> Outcome:
    """The outcome of files made in a local folder, with the addresses they are sent to."""
    outputs = [Path(output).relative_to(folder).as_posix() for output in outcome.outputs]
    return replace(outcome, outputs=[f"{address}/{output}" for output in outputs])


def delivery_key(content: str | None, settings: Settings, weights: Any, name: str) -> str:
    """A hash of all that the results of an input depend on."""
    chosen = settings.model_dump(mode="json", exclude={"cluster"})
    parts = json.dumps([content, chosen, weights, name], sort_keys=True, default=str)
    return hashlib.sha256(parts.encode()).hexdigest()


def deliver(files: Iterable[Path], folder: Path, address: str, name: str) -> None:
    """Send files, and note their sizes.

    Args:
        folder: that the files lie in, or in folders of it.
        address: of the folder that receives them.
        name: of the input they belong to.

    Raises:
        OutputError: a file cannot be written.
    """
    sizes = dict(_note(address, name).get("files", {}))
    for file in sorted(files):
        relative = file.relative_to(folder).as_posix()
        send(str(file), f"{address}/{relative}")
        sizes[relative] = file.stat().st_size
    _write(address, name, "", sizes)


def note_delivered(address: str, name: str, key: str) -> None:
    """Note that all results of an input are there; `key` as of `delivery_key`."""
    _write(address, name, key, dict(_note(address, name).get("files", {})))


def is_delivered(address: str, name: str, key: str) -> bool:
    """Whether all results of an input are there, with the sizes that were sent."""
    note = _note(address, name)
    return note.get("key") == key and all(
        stored_size(f"{address}/{file}") == size for file, size in note["files"].items()
    )


def _address(address: str, name: str) -> str:
    return f"{address}/{HIDDEN}/{name}.delivered.json"


def _note(address: str, name: str) -> dict[str, Any]:
    data = read_stored(_address(address, name))
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {}


def _write(address: str, name: str, key: str, sizes: dict[str, int]) -> None:
    note = {"key": key, "files": sizes}
    write_stored(_address(address, name), json.dumps(note, sort_keys=True).encode())
