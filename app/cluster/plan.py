"""`process --dry-run`: how inputs would be divided. It imports no torch: it answers at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.process.inputs import Job, plan
from engine.errors import PoseError
from engine.settings import Settings
from engine.sources.addresses import shown
from engine.sources.excerpt import WHOLE, Part
from engine.sources.segments import Segment, cut, index_of


def print_plan(inputs: Sequence[str], settings: Settings, part: Part = WHOLE) -> int:
    """Print the segments of every input, one line each, without joining a cluster.

    Returns:
        how many inputs cannot be read.
    """
    jobs, problems = plan(inputs, part)
    for text, error in problems.items():
        print(f"{shown(text)}: {error}")
    total, failed = 0, len(problems)
    for job in jobs:
        try:
            for segment in planned(job, settings):
                print(_line(job, segment))
                total += 1
        except PoseError as error:
            print(f"{shown(job.source)}: {error}")
            failed += 1
    print(f"{len(jobs) + len(problems) - failed} inputs, {total} segments")
    return failed


def planned(job: Job, settings: Settings) -> Iterator[Segment]:
    """The segments of an input; a single one from its beginning where it is done in one piece.

    Raises:
        SourceError: it cannot be opened.
    """
    index = None if job.images or job.part.chosen else index_of(job.source)
    if index is None:
        yield Segment(0, None)
        return
    length = max(1, round(settings.cluster.segment * index.rate))
    yield from cut(index, length, settings.engine.batch or 1)


def _line(job: Job, segment: Segment) -> str:
    end = "the end" if segment.end is None else f"{segment.end}"
    return f"{shown(job.source)}: frames {segment.start} to {end}"
