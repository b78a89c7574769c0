"""Files that are either whole or not there."""

from __future__ import annotations

from pathlib import Path

from engine.errors import OutputError


def write(file: Path, content: str) -> None:
    """Replace a text file as a whole, so that a break leaves the old one.

    Raises:
        OutputError: the disk does not take it.
    """
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(content, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise OutputError(f"cannot write {file}: {error.strerror or error}") from error
