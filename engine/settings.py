"""Every value a user can choose, with its unit, its range and its default.

`assets/settings.toml` shows the same values with comments (a test keeps the two equal). Values are
frozen: a change makes a new section, which is handed over whole. Unknown keys are errors.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from engine.errors import SettingsError

log = logging.getLogger(__name__)

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Reach = Annotated[int, Field(ge=0, le=2)]
Tolerance = Annotated[float, Field(ge=0, le=100)]


class Section(BaseModel):
    """A group of settings: frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, str]] = {}  # old name → new name; accepted for one version

    @model_validator(mode="before")
    @classmethod
    def _accept_old_names(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {cls._current_name(name, values): value for name, value in values.items()}

    @classmethod
    def _current_name(cls, name: str, values: Mapping[str, Any]) -> str:
        new = cls.renamed.get(name)
        if new is None:
            return name
        if new in values:
            raise ValueError(f"{name} is now called {new}; both are given, leave out {name}")
        log.warning("setting %s is now called %s; the old name will be removed", name, new)
        return new


class EngineSettings(Section):
    """The network and how it is run."""

    weights: str = "auto"  # auto, a name from `weights list`, or a file
    wanted_rate: Positive = 10.0  # frames per second that `weights = auto` keeps on a CPU
    profile: Literal["fast", "balanced", "accurate"] = "balanced"  # size, flip and precision
    network: str | None = None  # w32, w48, compact, shallow; None: as the checkpoint says
    input_size: Annotated[int, Field(ge=64, le=2048)] | None = None  # short side, pixels
    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps, xpu
    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = "auto"
    runtime: Literal["auto", "torch", "openvino", "onnxruntime"] = "auto"  # on the CPU
    provider: Literal["cpu", "cuda", "tensorrt", "coreml", "directml"] = "cpu"  # ONNX Runtime's
    exported: str | None = None  # a file that `export` made of these weights, run as it is
    batch: Annotated[int, Field(ge=1, le=64)] | None = None  # frames; None: as the device likes
    depth: Annotated[int, Field(ge=1, le=4)] = 2  # batches in flight
    flip: bool = False  # a second pass over the mirrored image, averaged
    scales: tuple[Positive, ...] = (1.0,)  # several passes at these sizes, averaged
    two_step_upsample: bool = False  # aggregate as mmpose 0.6 did

    @field_validator("scales")
    @classmethod
    def _tags_need_a_scale(cls, scales: tuple[float, ...]) -> tuple[float, ...]:
        if not scales or (len(scales) > 1 and 1.0 not in scales):
            raise ValueError("several scales must include 1, because the tags are read there")
        if len(set(scales)) != len(scales):
            raise ValueError("the scales must differ")
        return scales


class GroupingSettings(Section):
    """From heatmaps to people."""

    renamed = {"first_30_groups_only": "ignore_too_much"}

    peak_threshold: Fraction = 0.1  # heatmap response a joint must exceed
    tag_distance: Positive = 1.0  # tags closer than this belong to one person
    most_people: Annotated[int, Field(ge=1, le=100)] = 30  # peaks kept per joint
    refine: bool = True  # look for a person's missing joints in the whole heatmap
    refine_tolerance: Tolerance = 0.0  # tags so far are another's; 0: rounded, as in the paper
    adjust: bool = True  # shift towards the higher neighbour
    adjust_reach: Reach = 0  # cells; a parabola through the heat so far to both sides; 0: a quarter
    ignore_too_much: bool = False  # match candidates as mmpose 0.6 did
    duplicate_oks: Fraction = 0.4  # people more alike than this are one; 1: keep all
    min_score: Fraction = 0.2  # people below this are not shown; 0: keep all
    min_joints: Annotated[int, Field(ge=0, le=100)] = 4  # detected, not refined; 0: keep all


class TrackingSettings(Section):
    """Multi-person tracking."""

    renamed = {
        "memory": "max_lost",
        "sure_score": "high_score_threshold",
        "birth_evidence": "track_init_score",
    }

    enabled: bool = True
    min_similarity: Fraction = 0.2  # OKS below this is another person
    max_lost: Annotated[float, Field(ge=0, le=60)] = 1.0  # s a person may be lost and keep the id
    max_lost_frames: Annotated[int, Field(ge=0, le=100)] = 4  # or frames, whichever lasts longer
    high_score_threshold: Fraction = 0.3  # people above this are matched to tracks first
    track_init_score: Annotated[float, Field(ge=0, le=10)] = 1.0  # sum of scores that gives an id
    caution: Fraction = 0.5  # 0..1, how much a track of uncertain place stands back for others


class SmoothingSettings(Section):
    """The One-Euro filter on every joint."""

    enabled: bool = True
    min_cutoff: Positive = 1.0  # Hz when still: lower is calmer
    beta: Annotated[float, Field(ge=0)] = 1.2  # how fast the cutoff opens with speed (body sizes/s)
    speed_cutoff: Positive = 1.0  # Hz, of the speed estimate itself
    body_cutoff: Positive = 1.0  # Hz, of the speed of the body as a whole
    max_gap: Annotated[float, Field(ge=0, le=10)] = 0.5  # s unseen after which a joint starts anew


class OfflineSettings(Section):
    """What `process` does once a video has been seen to its end."""

    relink: bool = False  # join the pieces of tracks that were lost
    relink_gap: Annotated[float, Field(gt=0, le=60)] = 3.0  # s between two such pieces at most
    fill_gaps: Annotated[float, Field(ge=0, le=60)] = 0.0  # s a gap to be filled may last; 0: none
    zero_phase: bool = False  # smooth forwards and backwards instead of on the way
    cutoff: Positive = 6.0  # Hz, of that smoothing

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return self.relink or self.zero_phase or self.fill_gaps > 0


Angle = Literal["knee", "elbow", "hip", "shoulder", "trunk"]


class DisplaySettings(Section):
    """What is drawn on pictures."""

    min_joint_score: Fraction = 0.15  # weaker joints are not drawn
    limbs: bool = True
    joints: bool = True
    boxes: bool = False
    ids: bool = True  # numbers, or names that were given
    thickness: Annotated[float, Field(gt=0, le=10)] = 1.0  # of lines, times the size that fits
    colours: Literal["person", "side"] = "person"  # one per person, or left warm and right cold
    skeleton_only: bool = False  # on black, without the picture
    blur_heads: bool = False  # of the people found
    mirrored: bool = False  # left and right exchanged, as in a mirror
    count: bool = False  # how many people are in the frame
    trails: tuple[str, ...] = ()  # joints whose way over the last 1.5 s is drawn
    angles: tuple[Angle, ...] = ()  # drawn at the joint, degrees


# fmt: off
TrackFormat = Literal[
    "ndjson", "csv", "parquet", "coco", "coco-results", "openpose", "trc", "mot", "yolo",
    "c3d", "dlc-csv", "dlc-h5", "sleap", "nwb", "angles", "angles-mot", "frames",
]
# fmt: on


class OutputSettings(Section):
    """What `process` writes beside the tracks."""

    overlay: bool = True
    audio: bool = True  # copy the sound into the overlay
    quality: Annotated[int, Field(ge=0, le=51)] = 23  # H.264 CRF: lower is better and larger
    formats: tuple[TrackFormat, ...] = ("ndjson", "csv")  # of the tracks; see docs/formats.md
    report: bool = False  # an HTML page about the quality of the tracks


class ClusterSettings(Section):
    """How work is divided among machines; no result depends on it."""

    segment: Annotated[float, Field(gt=0, le=86_400)] = 60.0  # s of a video per task, at least
    cpus: Annotated[float, Field(gt=0, le=1024)] = 1.0  # per task
    gpus: Annotated[float, Field(gt=0, le=1)] = 1.0  # per task that runs the network on CUDA
    retries: Annotated[int, Field(ge=0, le=100)] = 3  # of a task whose worker or node died
    slots: Annotated[int, Field(ge=0, le=100_000)] = 0  # tasks at once to ask for; 0: what there is


class Settings(Section):
    """All sections. Build it with `load_settings` or in code with keyword arguments."""

    engine: EngineSettings = EngineSettings()
    grouping: GroupingSettings = GroupingSettings()
    tracking: TrackingSettings = TrackingSettings()
    smoothing: SmoothingSettings = SmoothingSettings()
    offline: OfflineSettings = OfflineSettings()
    display: DisplaySettings = DisplaySettings()
    output: OutputSettings = OutputSettings()
    cluster: ClusterSettings = ClusterSettings()


# What the published AP was measured with: every person the decoder finds is judged.
PAPER_GROUPING = GroupingSettings(duplicate_oks=1.0, min_score=0.0, min_joints=0)


def load_settings(file: Path | None = None, changes: tuple[str, ...] = ()) -> Settings:
    """Defaults, then a TOML file, then `section.key=value` changes.

    Raises:
        SettingsError: the file cannot be read, a key is unknown or a value is out of range.
    """
    values: dict[str, Any] = _read(file) if file else {}
    for change in changes:
        _apply(values, change)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"cannot read settings file {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError too
        raise SettingsError(f"settings file {file} is not TOML: {error!s:.200}") from error


def _apply(values: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot and name):
        raise SettingsError(f"--set takes section.key=value, got {change!r:.120}")
    inner = values.setdefault(section, {})
    if not isinstance(inner, dict):
        raise SettingsError(f"settings: {section!r} must be a section, got {inner!r:.80}")
    inner[name] = _value(text.strip())


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text  # an unquoted word, as people type it in a shell


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"unknown setting {where!r:.120}; see assets/settings.toml for all names{more}"
    return f"setting {where:.120}: {first['msg']}, got {first['input']!r:.80}{more}"
