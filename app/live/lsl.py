"""Lab Streaming Layer, for laboratories that align it with EEG and the like: `lsl:NAME`.

An outlet per source with a fixed number of places for people. Each place has the id, the score and
x, y, score of every joint; pixels, NaN where there is nothing. Samples carry the time of capture.
"""

from __future__ import annotations

import time

import numpy as np
import pylsl

from app.live.outputs import Context
from app.overlay.look import Look
from app.overlay.traces import Traces
from app.tracks.rounding import rounded
from engine.errors import OutputError
from engine.types import Result

_USUAL_PLACES = 8


def open_output(target: str, context: Context) -> LslOutput:
    """Prepare the outlets.

    Args:
        target: "lsl:NAME", or "lsl:NAME?people=12" for another number of places.

    Raises:
        OutputError: the number of people is none.
    """
    name, _, options = target.partition(":")[2].partition("?")
    number = options.removeprefix("people=") if options else str(_USUAL_PLACES)
    if not number.isdecimal() or not int(number):
        raise OutputError(f"{target}: write it as lsl:NAME or lsl:NAME?people=12")
    return LslOutput(name or "posestream", int(number), context)


class LslOutput:
    """A sample per frame. People beyond the last place are counted as lost."""

    def __init__(self, name: str, places: int, context: Context) -> None:
        self.lost = 0
        self._name, self._places, self._context = name, places, context
        self._outlets: dict[str, pylsl.StreamOutlet] = {}
        self._ahead = ahead()

    @property
    def listeners(self) -> int | None:
        """How many outlets have a listener; their number is not known."""
        return sum(bool(outlet.have_consumers()) for outlet in self._outlets.values())

    def write(self, result: Result, look: Look, traces: Traces) -> None:
        """Send one frame, stamped with the time of its capture."""
        source, poses = result.frame.source, rounded(result.poses)
        if source not in self._outlets:
            self._outlets[source] = pylsl.StreamOutlet(self._info(result))
        joints = poses.joint_score.shape[1]
        sample = np.full((self._places, 2 + 3 * joints), np.nan, np.float32)
        shown = min(len(poses), self._places)
        self.lost += len(poses) - shown
        sample[:shown, 0], sample[:shown, 1] = poses.ids[:shown], poses.score[:shown]
        triples = np.concatenate([poses.xy, poses.joint_score[..., None]], -1)
        sample[:shown, 2:] = triples[:shown].reshape(shown, -1)
        self._outlets[source].push_sample(sample.ravel(), result.frame.arrived + self._ahead)

    def close(self, error: str | None = None) -> None:
        """Take the outlets away."""
        self._outlets.clear()

    def _info(self, result: Result) -> pylsl.StreamInfo:
        facts, source = self._context.header(result), result.frame.source
        names = facts["keypoints"]
        info = pylsl.StreamInfo(
            self._called(source),
            "MoCap",
            self._places * (2 + 3 * len(names)),
            pylsl.IRREGULAR_RATE,
            pylsl.cf_float32,
            f"posestream {source}",
        )
        described = info.desc()
        described.append_child_value("source", source)
        described.append_child_value("size", "x".join(str(side) for side in facts["size"]))
        channels = described.append_child("channels")
        for place in range(self._places):
            for channel in (
                "id",
                "score",
                *(f"{n}_{part}" for n in names for part in ("x", "y", "score")),
            ):
                entry = channels.append_child("channel")
                entry.append_child_value("label", f"person{place}_{channel}")
                entry.append_child_value("unit", "pixels" if channel[-2:] in ("_x", "_y") else "")
        return info

    def _called(self, source: str) -> str:
        """The plain name for a source without others; those that join later have longer ones."""
        alone = not self._outlets and (not self._context.several or self._context.alone())
        return self._name if alone else f"{self._name} {source}"


def ahead() -> float:
    """Seconds from the clock frames are stamped with to that of LSL; both run alike.

    Measured once and in the middle of several readings: a thread that is interrupted between two
    readings of one frame would stamp it late.
    """
    readings = [pylsl.local_clock() - time.perf_counter() for _ in range(9)]
    return float(np.median(readings))
