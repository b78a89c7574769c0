"""Files that ship with the program: weights, settings, icons, the demo clip."""

from pathlib import Path


def path(name: str) -> Path:
    """Where a shipped file lies; works from a checkout and from an installed wheel."""
    return Path(__file__).parent / name
