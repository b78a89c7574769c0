"""Types of fields that files have in common, with the spellings that real programs use."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

LARGEST_ID = 2**31 - 1  # ids are int32 in memory and in Parquet

_NAME = re.compile(r"\w[\w .:()/&#+-]{0,99}")
_FALSE = frozenset({"", "0", "false", "no", "none", "null"})
_TRUE = frozenset({"1", "true", "yes"})


def _whole(value: Any) -> Any:
    """3 from "3", 3.0 and "3.0", as spreadsheets and data frames write whole numbers."""
    if isinstance(value, str):
        text = value.strip()
        return text.removesuffix(".0") if len(text) < 30 else text
    return value


def _flag(value: Any) -> Any:
    """0 or 1 from null, "0", false and the like."""
    if not isinstance(value, str | int | float | None):
        return value
    text = str(value).strip().lower() if not isinstance(value, int) or value in (0, 1) else "many"
    if text in _FALSE or text == "0.0":
        return 0
    return 1 if text in _TRUE or text == "1.0" else value


def check_name(name: str) -> str:
    """A name that is safe in a table, a page and a file: no commas, quotes, tags or line ends.

    Raises:
        ValueError: it is not.
    """
    if not _NAME.fullmatch(name) or "\n" in name:
        raise ValueError("must be a name: up to 100 letters, digits, spaces and - . : ( ) / & # +")
    return name


Whole = Annotated[int, BeforeValidator(_whole), Field(ge=-(2**53), le=2**53)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=2**53)]
TrackId = Annotated[int, BeforeValidator(_whole), Field(ge=-1, le=LARGEST_ID)]
Side = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=1_000_000)]  # pixels
Seconds = Annotated[float, Field(ge=-1e9, le=1e9)]
Pixels = Annotated[float, Field(ge=-1e7, le=1e7)]
Score = Annotated[float, Field(ge=-1e6, le=1e6)]
Flag = Annotated[int, BeforeValidator(_flag), Field(ge=0, le=1)]
Name = Annotated[str, AfterValidator(check_name)]


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, if no two are equal.

    Raises:
        ValueError: one is there twice.
    """
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is there twice")
    return names


Keypoints = Annotated[
    tuple[Name, ...], Field(min_length=1, max_length=1000), AfterValidator(distinct)
]
Limb = tuple[Count, Count]
