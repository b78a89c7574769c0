"""Writing files so that a crash or a power cut leaves the old file or the new one, never a part.

`whole` and `write_whole` write beside the target, force the bytes to the disk, rename, and force
the folder. `state` files add a version and a checksum, so that damage is noticed when they are
read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from engine.errors import DataError, OutputError

HIDDEN = ".posestream"  # the folder of our own files among a user's
PART = ".part"  # ends the name of a file that is not complete
_MANY = 64  # files, from which on one sync of everything is quicker than one each


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error


@contextmanager
def whole(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Give a path to write to; when the block ends well, that file replaces `path` in one step.

    A symbolic link at `path` is replaced, not followed. After an error `path` is as it was.

    Args:
        sync: wait for the disk; without it a power cut may leave an empty file under the name.

    Raises:
        OutputError: it cannot be written.
    """
    part = path.with_name(path.name + PART)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if sync:
            sync_file(part)
        part.replace(path)
        if sync:
            sync_folder(path.parent)
    except OSError as error:
        _remove(part)
        raise cannot_write(path, error) from error
    except BaseException:
        _remove(part)
        raise


def _remove(part: Path) -> None:
    with suppress(OSError):  # such as a folder above it that is a file
        part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Replace the content of a file in one step; its folder is made.

    Raises:
        OutputError: it cannot be written.
    """
    with whole(path) as part:
        part.write_bytes(data)


@contextmanager
def claimed(folder: Path, name: str) -> Iterator[None]:
    """Let no other command work on the files called `name` in a folder while the block runs.

    A process that ends, however it ends, holds nothing. Where the file system has no locks, or
    takes no files, nothing is held.

    Raises:
        OutputError: another command works on them.
    """
    lock = folder / HIDDEN / f"{name}.lock"
    with ExitStack() as stack:
        with suppress(OSError):  # a folder that takes no lock: writing into it says why
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(lock.open("ab"))
            if not hold(file.fileno()):
                raise OutputError(
                    f"another command is working on {folder / name}: wait until it has ended, or "
                    "choose another folder with -o"
                )
        yield


def hold(handle: int) -> bool:
    """Lock an open file until it is closed; False: another process has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def write_state(path: Path, version: int, value: Any) -> None:
    """Write JSON values with a version and a checksum, in one step; `read_state` reads them.

    Raises:
        OutputError: it cannot be written.
    """
    write_whole(path, state_bytes(version, value))


def state_bytes(version: int, value: Any) -> bytes:
    """The content of a file that `read_state` reads."""
    body = json.dumps(value, separators=(",", ":"))
    digest = hashlib.sha256(body.encode()).hexdigest()
    head = json.dumps({"version": version, "sha256": digest})
    return f"{head}\n{body}\n".encode()


def read_state(path: Path, version: int) -> Any:
    """What `write_state` wrote; None where there is no such file.

    Raises:
        DataError: it is damaged, or of another version; the message names --force.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    head, _, body = data.partition(b"\n")
    try:
        facts = json.loads(head)
        found, digest = facts["version"], facts["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path) from error
    if found != version:
        raise DataError(
            f"{path} was written by another version of posestream (its format is {found!r}, this "
            f"program's {version}): add --force to start over"
        )
    if hashlib.sha256(body.removesuffix(b"\n")).hexdigest() != digest:
        raise _damaged(path)
    return json.loads(body)


def _damaged(path: Path) -> DataError:
    return DataError(f"{path} is damaged: add --force to start over")


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name != "posix":  # Windows has no handle of a folder to sync
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_files(paths: Iterable[Path]) -> None:
    """Wait until these files, and their names, are on the disk."""
    files = list(paths)
    if len(files) > _MANY and hasattr(os, "sync"):
        os.sync()
        return
    for file in files:
        sync_file(file)
    for folder in {file.parent for file in files}:
        sync_folder(folder)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error to raise when the operating system refuses, with what to do."""
    return OutputError(f"cannot write {path}: {reason_of(error)}")


def reason_of(error: OSError) -> str:
    """Why the operating system refuses to write, with what to do."""
    return {
        errno.ENOSPC: "the disk is full; free some space or choose another folder",
        errno.EDQUOT: "your disk quota is used up; choose another folder",
        errno.EFBIG: "the file would be larger than this disk or your limits allow",
        errno.EACCES: "permission denied; choose another folder",
        errno.EROFS: "the disk is read-only; choose another folder",
        errno.ENOENT: "its folder does not exist",
    }.get(error.errno or 0, error.strerror or str(error))
