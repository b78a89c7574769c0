"""The thresholds that suit a checkpoint: measured once, kept with it, used by live and process.

A score means what a network was trained to, so no number suits all of them. Those of registered
checkpoints stand in assets/weights.toml, others in the file's own header. What the user sets wins,
and `eval` does not ask: the paper's protocol has none. Read without loading torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from safetensors import SafetensorError, safe_open

import assets
from engine.errors import WeightsError
from engine.network.registry import Entry, find, registry, standard_folders
from engine.reading.typed import from_json
from engine.settings import Fraction, GroupingSettings, Positive, Reach, Settings, Tolerance

HEADER = "thresholds"  # key of the JSON in a file's header


class Thresholds(BaseModel):
    """What to use instead of the program's defaults; None: the program's default is right."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    min_score: Fraction | None = None
    min_joints: Annotated[int, Field(ge=0, le=100)] | None = None
    peak_threshold: Fraction | None = None
    tag_distance: Positive | None = None
    refine_tolerance: Tolerance | None = None
    adjust_reach: Reach | None = None
    duplicate_oks: Fraction | None = None
    source: str = ""  # how they were found, for people

    @property
    def values(self) -> dict[str, Any]:
        """Setting -> value, of those that differ from the program's."""
        return self.model_dump(exclude={"source"}, exclude_none=True)

    @property
    def for_decoding(self) -> Thresholds:
        """Those that decide what is found, without those that choose who of it is shown."""
        return Thresholds(
            peak_threshold=self.peak_threshold,
            tag_distance=self.tag_distance,
            refine_tolerance=self.refine_tolerance,
            adjust_reach=self.adjust_reach,
        )

    def over(self, other: Thresholds) -> Thresholds:
        """The other's where these say nothing."""
        return other.model_copy(update=self.model_dump(exclude_defaults=True))

    @property
    def header(self) -> dict[str, str]:
        """What to write into a checkpoint's header, for `thresholds_of` to find."""
        return {HEADER: self.model_dump_json(exclude_none=True)}

    def __str__(self) -> str:
        listed = ", ".join(f"{name} {value:g}" for name, value in self.values.items())
        return f"{listed} ({self.source})" if self.source else listed


def thresholds_of(weights: str, folders: Sequence[Path] | None = None) -> Thresholds:
    """Those of a checkpoint, given by name or file; empty where none were measured.

    Args:
        weights: as `load_checkpoint` takes it.
        folders: where names are looked for; None: the standard ones.

    Raises:
        WeightsError: the file's header holds something else.
    """
    path = _file(weights, standard_folders() if folders is None else folders)
    if path is not None and (stored := _stored(path)) is not None:
        return stored
    rows = (entry.defaults for entry in registry().values() if _is(entry, weights, path))
    return Thresholds.model_validate(next(rows, None) or {})


def _is(entry: Entry, weights: str, path: Path | None) -> bool:
    if path is None or entry.layout != "native":
        return weights == entry.name or (path is not None and path.name == entry.file)
    return path.resolve() == (assets.path("weights") / entry.file).resolve()


def with_thresholds(settings: Settings, found: Thresholds) -> Settings:
    """The settings with a checkpoint's thresholds where the user chose none."""
    chosen = settings.grouping.model_dump(exclude_unset=True)
    grouping = GroupingSettings.model_validate({**found.values, **chosen})
    return settings.model_copy(update={"grouping": grouping})


def few_joints(keypoints: int) -> Thresholds:
    """For an uncalibrated network of few keypoints: four of three cannot be found."""
    usual = GroupingSettings().min_joints
    joints = max(1, keypoints // 4)
    if joints >= usual:
        return Thresholds()
    return Thresholds(min_joints=joints, source="a quarter of the keypoints")


_THRESHOLDS = TypeAdapter(Thresholds)


def _file(weights: str, folders: Sequence[Path]) -> Path | None:
    path = Path(weights).expanduser()
    if weights not in registry() and path.is_file():
        return path
    try:
        return find(weights, folders)
    except WeightsError:  # reported when it is opened
        return None


def _stored(path: Path) -> Thresholds | None:
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, framework="np") as file:
            text = (file.metadata() or {}).get(HEADER)
    except (SafetensorError, OSError):  # likewise
        return None
    if text is None:
        return None
    place = f"{path}: its header has no usable thresholds"
    return from_json(text, _THRESHOLDS, place, WeightsError)
