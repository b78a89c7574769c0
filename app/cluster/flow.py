"""The steps of one input, as a generator: it yields calls and is sent their answers."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from app.cluster import tasks
from app.cluster.work import Associated, Batch, Call, Detected, Failure, Survey, Work
from app.process.outcome import Outcome
from engine.errors import OutputError
from engine.files import claimed
from engine.sources.addresses import shown

Flow = Generator[Batch, list[Any], Outcome]


def process_input(work: Work) -> Flow:
    """Do the steps, unless another command works on the same files."""
    try:
        with nullcontext() if work.deliver else claimed(work.files.folder, work.files.name):
            return (yield from _steps(work))
    except OutputError as error:
        return Outcome(shown(work.job.source), error=str(error))


def _steps(work: Work) -> Flow:
    """Survey, detect segments, associate, draw parts, join; or all in one piece."""
    (found,) = yield Batch([_call(work, "survey", tasks.survey, work)])
    if isinstance(found, Failure):
        return _failed(work, found)
    if found.up_to_date:
        return Outcome(shown(work.job.source), skipped=True)
    if not found.segments:
        return (yield from _in_one_piece(work, found, ""))
    answers = yield Batch(_detections(work, found), enough=_is_unsound)
    broken = [answer for answer in answers if isinstance(answer, Failure)]
    if broken:
        return _failed(work, broken[0], f"{len(broken)} of {len(found.segments)} segments: ")
    reason = _unsound(answers)
    if reason:
        return (yield from _in_one_piece(work, found, f"done in one piece: {reason}"))
    (outcome,) = yield Batch([_call(work, "associate", tasks.associate, work, found)])
    if not isinstance(outcome, Associated):
        return _failed(work, outcome)
    if outcome.drawn and outcome.report.error is None:
        yield from _overlay(work, found, outcome.report)
    if outcome.report.error is None and not outcome.report.missing:
        yield Batch([_call(work, "finish", tasks.finish, work, found)])
    return outcome.report


def _in_one_piece(work: Work, found: Survey, note: str) -> Flow:
    call = _call(work, "process", tasks.whole, work, found, engine=True)
    (outcome,) = yield Batch([call])
    if not isinstance(outcome, Outcome):
        return _failed(work, outcome)
    if note:
        outcome.notes.append(note)
    return outcome


def _detections(work: Work, found: Survey) -> Iterator[Call]:
    shared = _shared(work, found)
    for number, segment in enumerate(found.segments):
        title = f"detect {number} {work.job.name}"
        yield Call(title, tasks.detect_segment, (number, segment), engine=True, shared=shared)


def _shared(work: Work, found: Survey) -> bytes:
    """What all tasks of an input are given; a list of segments would make every task large."""
    return pickle.dumps((work, replace(found, segments=(), drawn=())))


def _is_unsound(answer: Any) -> bool:
    """Whether the segments that are left need not be detected."""
    return isinstance(answer, Detected) and bool(answer.unsound)


def _unsound(answers: Sequence[Detected]) -> str:
    """Why the segments are not together what one pass over the video gives; empty if they are."""
    at, time = 0, float("-inf")
    for answer in answers:
        if answer.unsound:
            return answer.unsound
        if answer.first[0] != at or answer.first[1] <= time:
            return "its time stamps do not increase from segment to segment"
        at, time = answer.last[0] + 1, answer.last[1]
    return ""


def _overlay(work: Work, found: Survey, report: Outcome) -> Generator[Batch, list[Any], None]:
    shared = _shared(work, found)
    calls = (
        Call(f"draw {number} {work.job.name}", tasks.draw, (number, part), shared=shared)
        for number, part in enumerate(found.drawn)
    )
    answers = yield Batch(calls)
    broken = [answer for answer in answers if isinstance(answer, Failure)]
    if broken:
        report.missing.append(f"{work.overlay_path}: {broken[0].text}")
        return
    (joined,) = yield Batch([_call(work, "join", tasks.join, work, found)])
    error = joined.text if isinstance(joined, Failure) else joined.error
    if error:
        report.missing.append(f"{work.overlay_path}: {error}")
    else:
        report.missing += joined.missing
        report.notes += [note for note in joined.notes if note not in report.notes]


def _call(work: Work, what: str, function: Any, *arguments: Any, engine: bool = False) -> Call:
    return Call(f"{what} {work.job.name}", function, arguments, engine)


def _failed(work: Work, failure: Failure, where: str = "") -> Outcome:
    return Outcome(shown(work.job.source), error=where + failure.text)
