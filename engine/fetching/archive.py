"""Extract chosen files from a zip archive; each is complete or absent.

Files that are complete already are left; an interruption costs only the file being written. An
archive is untrusted: names that lead out of the folder are refused.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from engine.errors import DataError, OutputError
from engine.files import whole

Progress = Callable[[int, int], None]  # files done, files in all


def extract(
    archive: Path,
    folder: Path,
    wanted: Callable[[str], bool],
    progress: Progress = lambda _done, _all: None,
) -> int:
    """Extract the files whose names are wanted, at their places below a folder.

    Args:
        archive: a zip file.
        folder: where the names in the archive begin; created.
        wanted: whether a file is to be extracted, by its name in the archive.
        progress: called after every file.

    Returns:
        how many wanted files the archive has.

    Raises:
        DataError: the archive is damaged, or a wanted name leads out of the folder.
        OutputError: it cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            members = [m for m in content.infolist() if not m.is_dir() and wanted(m.filename)]
            for member in members:  # all names first: nothing of an unsafe archive is extracted
                _place(folder, member, archive)
            for done, member in enumerate(members, start=1):
                _take_out(content, member, _place(folder, member, archive))
                progress(done, len(members))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError) as error:
        raise DataError(f"{archive} is damaged ({error}); delete it and fetch it again") from error
    except OSError as error:
        raise OutputError(f"cannot extract {archive} to {folder}: {error.strerror}") from error
    return len(members)


def _place(folder: Path, member: zipfile.ZipInfo, archive: Path) -> Path:
    name = PurePosixPath(member.filename)
    target = folder.joinpath(*name.parts)
    outside = name.is_absolute() or not target.resolve().is_relative_to(folder.resolve())
    if outside or ".." in name.parts or "\\" in member.filename or ":" in member.filename:
        raise DataError(f"{archive}: {member.filename!r} leads out of the folder; not extracted")
    return target


def _take_out(content: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    if target.is_file() and target.stat().st_size == member.file_size:
        return
    # Thousands of small files: waiting for the disk each time would take longer than unpacking.
    with whole(target, sync=False) as part, content.open(member) as source, part.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)  # checks the archive's checksum at the end
