"""The track report of one video: timeline, ID-switch candidates, odd limbs and gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from app.evaluation.report.templates import render
from app.track_report.pictures import Snapshot, figures
from app.track_report.timeline import timeline
from app.tracks.table import read_recording
from engine.files import write_whole
from engine.offline.id_switches import IdSwitchCandidate, id_switch_candidates
from engine.offline.quality import Gap, OddLimb, Person, gaps, odd_limbs, people
from engine.offline.recording import Recording
from engine.types import Frame

MOST_CANDIDATES, MOST_LIMBS, MOST_GAPS = 24, 12, 40
_KINDS = {
    "exchange": "may have been exchanged",
    "jump": "jumps",
    "same": "may be one person",
}
_ABOUT_TIME = (
    "A bar is a stretch in which a person was seen; a marker is a moment of suspicion. "
    "Click one to see it."
)
_ABOUT_CANDIDATES = (
    "Moments in which ids may be wrong, the most suspicious first, before and at the moment. The "
    "command beside each corrects it; `edit undo` reverts it."
)
_ABOUT_LIMBS = (
    "A limb that is suddenly much longer than just before and after: mostly a joint that was found "
    "on another person."
)
_ABOUT_PEOPLE = (
    "Coverage: frames in which the person was seen, of those between the first and the last. "
    "Joints: of those frames' joints that were found. Jitter: standard deviation of the measured "
    "positions' noise, before smoothing, in percent of the body size."
)


def write_report(tracks: Path, page: Path, frames: Callable[[], Iterable[Frame]] | None) -> None:
    """Write the HTML report of a tracks file.

    Args:
        tracks: NDJSON as `process` writes it.
        page: where the report goes.
        frames: opens the video for the pictures; None: skeletons on black.

    Raises:
        DataError: the tracks cannot be read. OutputError: the page cannot be written.
    """
    recording = read_recording(tracks)
    write_whole(page, document(recording, tracks, frames).encode())


def document(
    recording: Recording, tracks: Path, frames: Callable[[], Iterable[Frame]] | None
) -> str:
    """The whole page."""
    doubts = id_switch_candidates(recording)
    limbs = odd_limbs(recording)
    persons, holes = people(recording), gaps(recording)
    moments = [_moment(recording, tracks, n, s) for n, s in enumerate(doubts[:MOST_CANDIDATES])]
    odd = [_odd(recording, limb) for limb in _apart(limbs)[:MOST_LIMBS]]
    shown = figures(recording, [*moments, *odd], frames() if frames is not None else None)
    first, second = shown[: len(moments)], shown[len(moments) :]
    name = Path(str(recording.header.get("source", tracks.stem))).name
    return render(
        "tracks.html",
        "report.css",
        "tracks.css",
        title=f"{name}: tracks",
        name=name,
        facts=_facts(recording),
        figures=_tiles(recording, persons, doubts, holes),
        about_time=_ABOUT_TIME,
        timeline=timeline(recording, persons, doubts),
        about_candidates=_ABOUT_CANDIDATES,
        candidates=len(doubts),
        most_candidates=MOST_CANDIDATES,
        moments=first,
        about_limbs=_ABOUT_LIMBS,
        limbs=len(limbs),
        odd=second,
        about_people=_ABOUT_PEOPLE,
        people=_people(persons),
        gaps=len(holes),
        most_gaps=MOST_GAPS,
        shown_gaps=_gaps(holes[:MOST_GAPS]),
    )


def _facts(recording: Recording) -> str:
    header = recording.header
    weights = header.get("weights", {})
    duration = float(np.ptp(recording.time)) if len(recording.time) else 0.0
    facts = [
        f"{recording.size[0]} × {recording.size[1]} pixels",
        f"{len(recording.index)} frames",
        f"{duration:.1f} s",
        f"{weights.get('name')} on {weights.get('device')}" if weights else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def _tiles(
    recording: Recording, persons: list[Person], doubts: list[IdSwitchCandidate], holes: list[Gap]
) -> list[tuple[str, str]]:
    frames = max(len(recording.index), 1)
    shaky = np.median([p.jitter for p in persons]) if persons else 0.0
    covered = (
        np.average([p.coverage for p in persons], weights=[p.frames for p in persons])
        if (persons)
        else 0.0
    )
    return [
        (str(len(persons)), "ids"),
        (f"{len(recording.people) / frames:.1f}", "people per frame"),
        (f"{100 * covered:.0f} %", "coverage"),
        (f"{100 * shaky:.1f} %", "jitter of body size"),
        (str(len(doubts)), "ID-switch candidates"),
        (str(len(holes)), "gaps"),
    ]


def _moment(recording: Recording, tracks: Path, number: int, doubt: IdSwitchCandidate) -> Snapshot:
    frame = int(recording.frame[doubt.row])
    before = int(np.searchsorted(recording.time, recording.time[frame] - 0.5))
    who = " and ".join(map(str, doubt.ids))
    caption = f"{_clock(doubt.time)} · {who} {_KINDS[doubt.kind]} · suspicion {doubt.suspicion:.2f}"
    command = f"posestream edit {_remedy(tracks.name, doubt)}"
    return Snapshot(
        (min(before, frame - 1) if frame else 0, frame), doubt.ids, caption, command, number
    )


def _remedy(name: str, doubt: IdSwitchCandidate) -> str:
    if doubt.kind == "exchange":
        return f"swap {name} {doubt.ids[0]} {doubt.ids[1]} --from {doubt.time:.3f}"
    if doubt.kind == "same":
        return f"merge {name} {doubt.ids[0]} {doubt.ids[1]}"
    return f"split {name} {doubt.ids[0]} --at {doubt.time:.3f}"


def _apart(limbs: Sequence[OddLimb]) -> list[OddLimb]:
    """The oddest limb of each person and moment; others would repeat the picture."""
    kept: list[OddLimb] = []
    for limb in limbs:
        if not any(k.id == limb.id and abs(k.start - limb.start) < 1.0 for k in kept):
            kept.append(limb)
    return kept


def _odd(recording: Recording, odd: OddLimb) -> Snapshot:
    names = " – ".join(recording.skeleton.names[k].replace("_", " ") for k in odd.limb)
    caption = (
        f"{_clock(odd.start)} · {odd.id} · {names} · longer by {100 * odd.gained:.0f} % of the body"
    )
    return Snapshot((int(recording.frame[odd.row]),), (odd.id,), caption, "", None)


def _people(persons: list[Person]) -> list[tuple[str, ...]]:
    return [
        (
            str(p.id),
            _clock(p.first),
            _clock(p.last),
            str(p.frames),
            f"{100 * p.coverage:.0f} %",
            f"{100 * p.joints:.0f} %",
            f"{p.score:.2f}",
            f"{100 * p.jitter:.1f} %",
        )
        for p in persons
    ]


def _gaps(holes: list[Gap]) -> list[tuple[str, ...]]:
    return [
        (str(g.id), _clock(g.start), _clock(g.end), f"{g.end - g.start:.2f} s", str(g.frames))
        for g in holes
    ]


def _clock(seconds: float) -> str:
    """1:02.500"""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:06.3f}"
