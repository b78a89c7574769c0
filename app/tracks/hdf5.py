"""HDF5 files of other programs, read with care.

What is read lies in the file itself: links into other files are refused. It is never unpickled, and
all of it together is no larger than a file of that size can hold when it is compressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError, PoseError

_MOST = 2**31  # bytes
_DENSEST = 1100  # bytes that a byte of a file can stand for: the limit of deflate
_TEXTS = 100_000
_LINKS = 8  # soft links that lead to soft links
_DAMAGE = (
    *(OSError, LookupError, ValueError, TypeError, RuntimeError, AttributeError),
    *(ArithmeticError, MemoryError, SystemError, EOFError),
)


class Contents:
    """An open file; a path is a name such as `group/data`, from the root."""

    def __init__(self, file: h5py.File, size: int) -> None:
        """Take an open file of `size` bytes."""
        self._file = file
        self._left = min(_MOST, _DENSEST * size)  # bytes that may yet be read

    def __contains__(self, path: str) -> bool:
        return self._found(path) is not None

    def size(self, path: str) -> int:
        """How many elements an array has; 0 where there is none."""
        data = self._found(path)
        return int(data.size) if isinstance(data, h5py.Dataset) and data.shape is not None else 0

    def names(self, path: str) -> list[str]:
        """The names in a group."""
        group = self._needed(path)
        if not isinstance(group, h5py.Group):
            raise ValueError(f"{path} is not a group")
        return list(group)

    def attribute(self, path: str, name: str) -> Any:
        """An attribute, bytes as a text of Latin-1; None where there is none."""
        value = self._needed(path).attrs.get(name)
        return value.decode("latin-1") if isinstance(value, bytes) else value

    def numbers(self, path: str, *shape: int | None) -> NDArray[np.float64]:
        """An array of numbers.

        Args:
            path: of the data set.
            shape: lengths of its axes; None stands for any.

        Raises:
            ValueError: it holds something else.
        """
        data = self._data(path)
        if data.dtype.kind not in "biuf":
            raise ValueError(f"{path} holds {data.dtype}, not numbers")
        same = [want in (None, got) for want, got in zip(shape, data.shape, strict=False)]
        if len(shape) != len(data.shape) or not all(same):
            wanted = tuple("any" if want is None else want for want in shape)
            raise ValueError(f"{path} has the shape {data.shape}, expected {wanted}")
        return np.asarray(data[()], np.float64)

    def whole(self, path: str, *shape: int | None) -> NDArray[np.int64]:
        """An array of whole numbers from 0, also if they are stored as 3.0."""
        values = self.numbers(path, *shape)
        if not ((values >= 0) & (values <= 2**53) & (values == np.floor(values))).all():
            raise ValueError(f"{path} must hold whole numbers from 0")
        return values.astype(np.int64)

    def texts(self, path: str) -> list[str]:
        """All texts of an array, in UTF-8; numbers become text."""
        data = self._data(path)
        if not data.size:
            return []
        if data.size > _TEXTS:
            raise ValueError(f"{path} has {data.size} texts")
        if h5py.check_string_dtype(data.dtype) is None and data.dtype.kind not in "iu":
            raise ValueError(f"{path} holds {data.dtype}, not text")
        every = np.ravel(data[()]).tolist()
        return [text.decode() if isinstance(text, bytes) else str(text) for text in every]

    def records(self, path: str) -> NDArray[Any]:
        """The rows (N,) of a table with named columns."""
        data = self._data(path)
        if data.dtype.names is None or len(data.shape) != 1:
            raise ValueError(f"{path} is not a table")
        if any(data.dtype[name].base.kind not in "biuf" for name in data.dtype.names):
            raise ValueError(f"{path} has columns that are not numbers")
        return np.asarray(data[()])

    def _data(self, path: str) -> h5py.Dataset:
        data = self._needed(path)
        if not isinstance(data, h5py.Dataset) or data.shape is None:
            raise ValueError(f"{path} is not an array")
        if data.external or data.is_virtual:
            raise ValueError(f"{path} lies in another file")
        need = data.dtype.itemsize
        for length in data.shape:
            need *= max(1, length)  # an empty array may still be long
        self._left -= need
        if self._left < 0:
            raise ValueError(f"{path} of shape {data.shape} is too large for this file")
        return data

    def _needed(self, path: str) -> Any:
        found = self._found(path)
        if found is None:
            raise KeyError(f"{path} is missing")
        return found

    def _found(self, path: str, links: int = 0) -> Any:
        """The object there, None if there is none."""
        at: Any = self._file
        parts = [part for part in path.split("/") if part]
        for n, part in enumerate(parts):
            if not isinstance(at, h5py.Group):
                return None
            link = at.get(part, getlink=True)
            if isinstance(link, h5py.SoftLink):
                if links == _LINKS:
                    raise ValueError(f"{path} is a link in a circle")
                before = "" if link.path.startswith("/") else "/".join(parts[:n]) + "/"
                at = self._found(before + link.path, links + 1)
            elif isinstance(link, h5py.ExternalLink):
                raise ValueError(f"{path} lies in another file")
            else:
                at = None if link is None else at[part]
        return at


@contextmanager
def opened(path: Path, what: str) -> Iterator[Contents]:
    """A file to read from.

    Args:
        path: of the file.
        what: it should be, for messages.

    Raises:
        DataError: it is not that, also while it is open: what is wrong, in one line.
    """
    try:
        with h5py.File(path, "r") as file:
            yield Contents(file, path.stat().st_size)
    except PoseError:
        raise
    except _DAMAGE as error:
        text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
        raise DataError(f"{path} is not {what}: {' '.join(text.split()):.200}") from error
