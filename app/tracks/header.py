"""The header of a file of tracks, checked where it is read."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, model_validator

from engine.reading.fields import Keypoints, Limb, Side
from engine.reading.typed import Model, typed


class Header(Model, extra="allow"):
    """What a file says of its source; what is not named here is kept as it is."""

    source: str = ""
    kind: str | None = None
    size: tuple[Side, Side] = (0, 0)  # (width, height) in pixels
    rotation: int | None = None
    rate: int | float | None = None  # frames per second
    frames: int | None = None
    duration: int | float | None = None  # seconds
    keypoints: Keypoints
    skeleton: tuple[Limb, ...] = ()
    weights: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _limbs_join_keypoints(self) -> Header:
        for limb in self.skeleton:
            if max(limb) >= len(self.keypoints):
                raise ValueError(
                    f"skeleton joins {limb}, but there are {len(self.keypoints)} keypoints"
                )
        return self


_HEADER = TypeAdapter(Header)


def checked_header(fields: dict[str, Any], place: str) -> dict[str, Any]:
    """The same fields in the same order, with the types that `Header` says.

    Raises:
        DataError: one has another type; the message begins with `place`.
    """
    header = typed(fields, _HEADER, place).model_dump(mode="json", exclude_unset=True)
    defaults = {"source": "", "size": [0, 0], "skeleton": []}
    return {
        **{key: header[key] for key in fields},
        **{k: v for k, v in defaults.items() if k not in fields},
    }
