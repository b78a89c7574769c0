"""Text tables (CSV, TRC, MOT) line by line, and the cells of a line as typed values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from engine.errors import DataError
from engine.reading.fields import LARGEST_ID
from engine.types import UNTRACKED

_NOTHING = frozenset({"", "nan", "na", "n/a", "null", "none"})  # as tables write "no value"


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines from 1, without their ends; a byte-order mark is passed over.

    Raises:
        DataError: the file cannot be read, or is not text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline=None) as file:
            for number, line in enumerate(file, 1):
                yield number, line.rstrip("\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not text in UTF-8 (byte {error.start} of a block); save it as UTF-8"
        ) from error


class Cells:
    """The cells of one line."""

    def __init__(self, place: str, cells: list[str], *, decimal: str = ".") -> None:
        """Take a line.

        Args:
            place: the file and the line, for messages.
            decimal: the sign before the fraction.
        """
        self.place = place
        self._cells = cells
        self._decimal = decimal

    def __len__(self) -> int:
        return len(self._cells)

    def text(self, at: int, name: str) -> str:
        """A cell as it is, without spaces around it; empty for all spellings of "no value".

        Raises:
            DataError: the line is too short.
        """
        if at >= len(self._cells):
            raise DataError(f"{self.place}: {name} is missing; it has {len(self._cells)} cells")
        cell = self._cells[at].strip()
        return "" if cell.lower() in _NOTHING else cell

    def number(self, at: int, name: str, most: float = 1e7) -> float:
        """A finite number; NaN for an empty cell.

        Raises:
            DataError: it is something else.
        """
        cell = self.text(at, name)
        if not cell:
            return math.nan
        try:
            value = float(cell.replace(self._decimal, ".")) if len(cell) < 400 else math.inf
        except ValueError:
            value = math.inf
        if not abs(value) <= most:
            raise DataError(f"{self.place}: {name} must be a number, got {cell!r:.60}")
        return value

    def needed(self, at: int, name: str, most: float = 1e9) -> float:
        """A number that must be there.

        Raises:
            DataError: it is not.
        """
        value = self.number(at, name, most)
        if math.isnan(value):
            raise DataError(f"{self.place}: {name} is empty, must be a number")
        return value

    def whole(self, at: int, name: str) -> int:
        """A whole number from 0, also written 3.0.

        Raises:
            DataError: it is something else.
        """
        value = self.needed(at, name, 2**53)
        if value != int(value) or value < 0:
            raise DataError(f"{self.place}: {name} must be a whole number from 0, got {value:g}")
        return int(value)

    def track_id(self, at: int, name: str) -> int:
        """An id; UNTRACKED for an empty cell and for -1.

        Raises:
            DataError: it is no whole number, or too large.
        """
        value = self.number(at, name, LARGEST_ID)
        if math.isnan(value) or value == UNTRACKED:
            return UNTRACKED
        if value != int(value) or value < 0:
            raise DataError(f"{self.place}: {name} must be a whole number from 0, got {value:g}")
        return int(value)
