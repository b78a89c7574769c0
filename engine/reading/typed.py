"""JSON from files as typed values.

Any file can be damaged or come from any program. What is read here is either what the type says or
one error that names the file, the place, the field and the value: never a surprise further on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from engine.errors import DataError, PoseError

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class Model(BaseModel):
    """A JSON object; fields that it does not name are left out."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="ignore")


def from_json(
    data: bytes | str, kind: TypeAdapter[T], place: str, error: type[PoseError] = DataError
) -> T:
    """JSON text as a typed value.

    Args:
        data: UTF-8, with or without a byte-order mark.
        kind: what it must be.
        place: the file, and where in it, for the message.
        error: what to raise.

    Raises:
        PoseError: it is not JSON, or not of this kind.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    try:
        return kind.validate_json(raw.removeprefix(_BOM))
    except ValidationError as failure:
        raise error(f"{place}: {explain(failure)}") from failure


def object_from_json(data: bytes | str, place: str) -> dict[str, Any]:
    """JSON text that is an object, its values not yet looked at.

    Raises:
        DataError: it is something else.
    """
    return from_json(data, _OBJECT, place)


def typed(value: object, kind: TypeAdapter[T], place: str, error: type[PoseError] = DataError) -> T:
    """A value of JSON as a typed one; see `from_json`."""
    try:
        return kind.validate_python(value)
    except ValidationError as failure:
        raise error(f"{place}: {explain(failure)}") from failure
    except RecursionError as failure:
        raise error(f"{place}: lists within lists without end") from failure


def read_bytes(path: Path) -> bytes:
    """A file's content.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except (OSError, MemoryError) as error:
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', error)})") from error


def explain(failure: ValidationError) -> str:
    """The first complaint: the field, what is wrong with it, its value."""
    first = failure.errors(include_url=False)[0]
    field = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"]).lstrip(".")
    what = first["msg"].removeprefix("Value error, ")
    what = what[:1].lower() + what[1:]
    if first["type"] == "json_invalid":
        return f"not JSON ({what.removeprefix('invalid JSON: ')})"
    if first["type"] == "missing":
        return f"{field}: is missing"
    got = f"{first['input']!r:.80}"
    more = f" (and {failure.error_count() - 1} more)" if failure.error_count() > 1 else ""
    return f"{field or 'it'}: {what}, got {got}{more}"
