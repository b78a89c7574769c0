"""A record of the files we wrote about one input, so that nothing else is ever replaced.

`.posestream/NAME.files.json` lies in the folder of the outputs. An output is entered before its
first byte is written, and again when it is complete: every file with its size, its SHA-256 and
checksums of its blocks. A file that is there without being entered is the user's. A file that
differs from its entry was damaged (emptied, cut, zeroed: a power cut does that) or changed by the
user; the checksums of the blocks tell which.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from engine.errors import DataError
from engine.files import HIDDEN, read_state, sha256, state_bytes, sync_files, write_state

_VERSION = 1
_ENDING = ".files.json"
_SMALLEST_BLOCK, _MOST_BLOCKS = 512, 1024
_ZEROED = b"\0" * 16
_HEAD = 64  # bytes

Condition = Literal["free", "foreign", "begun", "whole", "broken", "changed"]
Mark = Sequence[Any]  # size, SHA-256, CRC-32 of the blocks, first bytes; in hexadecimal digits


@dataclass(frozen=True, slots=True)
class Output:
    """One thing that is written about an input: a file, or several that belong together."""

    name: str  # what it is, for people: csv, overlay, report
    path: Path  # the file; of several their folder, or the beginning of their names
    folder: Path | None = None  # where several files lie
    pattern: str = ""  # regular expression of their names; in a folder of their own of their paths
    names: frozenset[str] = frozenset()  # or the names themselves

    def files(self) -> list[Path]:
        """Its files that are there now, also as links that lead nowhere."""
        if self.folder is None:
            return [self.path] if os.path.lexists(self.path) else []
        if not self.folder.is_dir():
            return []
        mine, folder = re.compile(self.pattern), self.folder
        found = folder.rglob("*") if folder == self.path else folder.iterdir()
        named = ((file, file.relative_to(folder).as_posix()) for file in found)
        return sorted(
            file
            for file, name in named
            if name in self.names or (self.pattern and mine.fullmatch(name))
        )


class Ledger:
    """The entries of one input."""

    def __init__(self, folder: Path, name: str, *, force: bool = False) -> None:
        """Read them.

        Args:
            folder: where the outputs are.
            name: what their names begin with.
            force: every file of an output may be replaced, and a damaged record is dropped.

        Raises:
            DataError: the record is damaged.
        """
        self._folder, self._force = folder, force
        self.file = folder / HIDDEN / (name + _ENDING)
        self._outputs: dict[str, dict[str, Any]] = {}
        if not force or self.file.is_file():
            self._outputs = _read(self.file, force=force)

    def condition(self, output: Output) -> Condition:
        """How an output stands.

        free: nothing is there. foreign: there is a file that we did not write. begun: we began to
        write it. whole: it is as we wrote it. broken: files of it are missing or damaged. changed:
        the user has changed a file of it.
        """
        if self.strangers(output):
            return "foreign"
        entry = self._outputs.get(self._key(output.path))
        if entry is None:
            return "free"
        marks = entry["files"]
        if marks is None:
            return "begun"
        found = {compare(self._folder / name, mark) for name, mark in marks.items()}
        if "changed" in found:
            return "changed"
        return "whole" if found <= {"same"} else "broken"

    def strangers(self, output: Output) -> list[Path]:
        """Files where an output goes that we did not write."""
        entry = self._outputs.get(self._key(output.path))
        if entry is not None and entry["files"] is None:
            return []
        marks = entry["files"] if entry else {}
        return [file for file in output.files() if self._key(file) not in marks]

    def changed(self, output: Output) -> list[Path]:
        """The files of an output that were changed after we wrote them."""
        marks = self._entry(output).get("files") or {}
        paths = ((self._folder / name, mark) for name, mark in marks.items())
        return [path for path, mark in paths if compare(path, mark) == "changed"]

    def how(self, output: Output) -> str | None:
        """What stands for the settings it was made with; None: it was never completed."""
        found = self._entry(output).get("how")
        return str(found) if found is not None else None

    def by(self, output: Output) -> str:
        """The command that wrote it; empty where none of ours did."""
        return str(self._entry(output).get("by", ""))

    def replaceable(self, output: Output) -> bool:
        """Whether writing it destroys nothing that is not ours."""
        return self._force or self.condition(output) not in ("foreign", "changed")

    def begin(self, outputs: Iterable[Output], by: str, *, keep: Output | None = None) -> None:
        """Enter outputs that are about to be written, and remove their earlier files.

        Args:
            by: the command that writes them.
            keep: one whose file is gone on with.

        Raises:
            OutputError: the record cannot be written.
        """
        outputs = list(outputs)
        for output in outputs:
            self._outputs[self._key(output.path)] = {"by": by, "how": None, "files": None}
        self._save()
        for output in outputs:
            for file in output.files() if output != keep else ():
                if file.is_symlink() or file.is_file():
                    file.unlink()

    def finish(self, output: Output, by: str, how: str) -> None:
        """Wait until an output is on the disk, and enter what its files hold.

        Raises:
            OutputError: the record cannot be written. OSError: a file cannot be read back.
        """
        files = [file for file in output.files() if file.is_file()]
        sync_files(files)
        marks = {self._key(file): mark_of(file) for file in files}
        self._outputs[self._key(output.path)] = {"by": by, "how": how, "files": marks}
        self._save()

    def replace_marks(self, output: Output, staged: Output, staging: Path) -> None:
        """Enter what an output's files will hold once those in `staging` have taken their place.

        Nothing is written: `file` and `content` are to be part of the same switch.
        """
        entry = self._outputs[self._key(output.path)]
        files = staged.files()
        entry["files"] = {f.relative_to(staging).as_posix(): mark_of(f) for f in files}

    @property
    def content(self) -> bytes:
        """What `file` is to hold."""
        return state_bytes(_VERSION, self._outputs)

    def files(self) -> dict[Path, Mark | None]:
        """Every file that was entered, with its mark; of outputs only begun the path alone."""
        found: dict[Path, Mark | None] = {}
        for key, entry in self._outputs.items():
            marks = entry["files"]
            found |= {self._folder / key: None} if marks is None else {}
            found |= {self._folder / name: mark for name, mark in (marks or {}).items()}
        return found

    def _entry(self, output: Output) -> dict[str, Any]:
        return self._outputs.get(self._key(output.path), {})

    def _key(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _save(self) -> None:
        write_state(self.file, _VERSION, self._outputs)


def written_by_us(files: Iterable[Path]) -> set[Path]:
    """Those of the files that are as we wrote them, by the records beside them."""
    found = set()
    ledgers: dict[Path, list[Ledger]] = {}
    for file in files:
        folder = file.parent
        if folder not in ledgers:
            ledgers[folder] = list(_ledgers(folder))
        for ledger in ledgers[folder]:
            entered = ledger.files()
            if file in entered and _ours(file, entered[file]):
                found.add(file)
    return found


def _ours(file: Path, mark: Mark | None) -> bool:
    return mark is None or compare(file, mark) in ("same", "damaged")


def _ledgers(folder: Path) -> Iterator[Ledger]:
    """Those in a folder that can be read."""
    for file in sorted((folder / HIDDEN).glob(f"*{_ENDING}")):
        try:
            yield Ledger(folder, file.name.removesuffix(_ENDING))
        except DataError:
            continue


def _read(file: Path, *, force: bool) -> dict[str, dict[str, Any]]:
    try:
        return read_state(file, _VERSION) or {}
    except DataError:
        if force:
            return {}
        raise


def mark_of(path: Path) -> Mark:
    """Size, SHA-256 and the blocks' checksums of a file."""
    with path.open("rb") as file:
        return _mark(file, path.stat().st_size)


def mark_of_bytes(data: bytes) -> Mark:
    """The same of a file's content."""
    return _mark(io.BytesIO(data), len(data))


def _mark(file: BinaryIO, size: int) -> Mark:
    whole, sums, head = hashlib.sha256(), [], b""
    while data := file.read(_block(size)):
        whole.update(data)
        sums.append(f"{zlib.crc32(data):08x}")
        head = head or data[:_HEAD]
    return [size, whole.hexdigest(), "".join(sums), head.hex()]


def compare(path: Path, mark: Mark) -> Literal["same", "missing", "damaged", "changed"]:
    """Whether a file has changed since it was marked."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return "changed"
    if not path.exists():
        return "missing"
    if path.stat().st_size == mark[0] and sha256(path) == mark[1]:
        return "same"
    return "damaged" if _is_damaged(path, mark) else "changed"


def _is_damaged(path: Path, mark: Mark) -> bool:
    """Whether the file is the marked one but for a missing end and zeros."""
    size, _, sums, first = mark
    now = path.stat().st_size
    if now > size:
        return False
    with path.open("rb") as file:
        for start in range(0, now, _block(size)):
            data = file.read(_block(size))
            n = 8 * (start // _block(size))
            cut = start + len(data) == now < size and not data.endswith(b"\n")
            if start == 0:
                head = bytes.fromhex(first)
                cut = cut and head.startswith(data[:_HEAD])
            as_it_was = f"{zlib.crc32(data):08x}" == sums[n : n + 8]
            if not as_it_was and _ZEROED not in data and not cut:
                return False
    return True


def _block(size: int) -> int:
    return max(_SMALLEST_BLOCK, 1 << max(0, (size // _MOST_BLOCKS).bit_length()))
