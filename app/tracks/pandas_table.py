"""Tables that pandas stored in HDF5, read without pandas.

pandas and PyTables run what such a file says: attributes and columns of objects are pickles. Here
only arrays are read, and of pickles no more than lists and tuples of texts.
"""

from __future__ import annotations

import pickletools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.tracks.hdf5 import Contents

Columns = list[tuple[str, ...]]  # the heads of each column, from the outermost


def read_table(file: Contents) -> tuple[Columns, NDArray[np.float64], NDArray[np.int64]]:
    """The columns' heads, the numbers (rows, columns), and the rows' numbers (rows,).

    Raises:
        ValueError: the file has no such table, or several.
    """
    keys = [key for key in file.names("") if file.attribute(key, "pandas_type") is not None]
    if len(keys) != 1:
        raise ValueError(f"it holds {len(keys)} tables of pandas, expected 1")
    kind = file.attribute(keys[0], "pandas_type")
    if kind == "frame_table":
        return _appendable(file, keys[0])
    if kind == "frame":
        return _fixed(file, keys[0])
    raise ValueError(f"its table is a {kind!s:.40}, expected a frame")


def _fixed(file: Contents, key: str) -> tuple[Columns, NDArray[np.float64], NDArray[np.int64]]:
    rows = _rows(file, f"{key}/axis1")
    columns: Columns = []
    blocks = [np.zeros((len(rows), 0))]
    for block in range(_count(file, key, "nblocks")):
        heads = _heads(file, f"{key}/block{block}_items", _count(file, key, "axis0_nlevels"))
        path = f"{key}/block{block}_values"
        if _is_empty(file, path):
            blocks.append(np.zeros((0, len(heads))))
        else:
            blocks.append(file.numbers(path, len(rows), len(heads)))
        columns += heads
    return columns, np.concatenate(blocks, axis=1), rows


def _appendable(file: Contents, key: str) -> tuple[Columns, NDArray[np.float64], NDArray[np.int64]]:
    path = f"{key}/table"
    table = file.records(path)
    columns: Columns = []
    blocks = [np.zeros((len(table), 0))]
    for name in table.dtype.names or ():
        if name.startswith("values_block_"):
            heads = _unpickled(file.attribute(path, f"{name}_kind"))
            blocks.append(table[name].astype(np.float64).reshape(len(table), len(heads)))
            columns += heads
    return columns, np.concatenate(blocks, axis=1), _numbered(table["index"])


def _heads(file: Contents, path: str, levels: int) -> Columns:
    every = []
    for level in range(levels):
        texts = np.array([*file.texts(f"{path}_level{level}"), ""], object)
        codes = file.whole(f"{path}_label{level}", None)
        every.append(texts[:-1][codes].tolist())
    if len({len(texts) for texts in every}) > 1:
        raise ValueError(f"{path}: its levels differ in length")
    return list(zip(*every, strict=True))


def _rows(file: Contents, path: str) -> NDArray[np.int64]:
    if _is_empty(file, path):
        return np.zeros(0, np.int64)
    return file.whole(path, None)


def _numbered(index: NDArray[Any]) -> NDArray[np.int64]:
    if index.dtype.kind not in "iu" or index.ndim != 1 or (index < 0).any():
        raise ValueError("its rows are not numbered from 0")
    return index.astype(np.int64)


def _is_empty(file: Contents, path: str) -> bool:
    """Whether pandas stored an array without elements: one element that stands for none."""
    return file.attribute(path, "shape") is not None


def _count(file: Contents, path: str, name: str) -> int:
    value = file.attribute(path, name)
    if not isinstance(value, int | np.integer) or not 0 <= value <= 100:
        raise ValueError(f"{path}: {name} must be a small number, got {value!r:.40}")
    return int(value)


def _unpickled(text: Any) -> Columns:
    """A list of tuples of texts, as a pickle of protocol 0 says it; nothing in it is executed."""
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for operation, value, _ in pickletools.genops(str(text).encode("latin-1")):
        match operation.name:
            case "MARK":
                stack.append(None)
            case "LIST" | "TUPLE":
                at = len(stack) - 1 - stack[::-1].index(None)
                items = stack[at + 1 :]
                stack[at:] = [items if operation.name == "LIST" else tuple(items)]
            case "UNICODE":
                stack.append(value)
            case "PUT":
                memo[value] = stack[-1]
            case "GET":
                stack.append(memo[value])
            case "APPEND":
                item = stack.pop()
                stack[-1].append(item)
            case "STOP":
                return _checked(stack[-1])
            case other:
                raise ValueError(f"the names of its columns hold a {other}")
    raise ValueError("the names of its columns have no end")


def _checked(found: Any) -> Columns:
    tuples = isinstance(found, list) and all(isinstance(one, tuple) for one in found)
    if not tuples or not all(isinstance(text, str) for one in found for text in one):
        raise ValueError("the names of its columns are no texts")
    return list(found)
