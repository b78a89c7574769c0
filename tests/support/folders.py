"""A folder's files, to be compared."""

from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """Path → content of every file below a folder, without the journal's."""
    files = [p for p in folder.rglob("*") if p.is_file() and ".posestream" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}
