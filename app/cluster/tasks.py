"""What runs on the machines of a cluster. No function here knows of Ray.

Every task can be run again at any moment, on any machine, at the same time as itself: what it makes
is stored whole under a name of its own and found again by the next run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any

from app.cluster.detections import Part, from_bytes, gather_detections, to_bytes
from app.cluster.overlay import DrawnWriter, code_part, joined_overlay
from app.cluster.stored_video import StoredVideo, detections_of
from app.cluster.work import (
    Associated,
    CheckpointFacts,
    Detected,
    DeviceFacts,
    EngineFacts,
    Failure,
    Opener,
    Survey,
    Work,
    key_of,
    unpacked,
)
from app.overlay.encoding import frames_together
from app.process.content import Content
from app.process.delivery import (
    deliver,
    delivery_key,
    is_delivered,
    named_as_sent,
    note_delivered,
)
from app.process.one_input import process_one
from app.process.outcome import Outcome
from app.process.outputs import moved
from app.process.progress import Bars
from app.process.records import Records
from app.process.sinks import describe, own_version
from app.process.supply import HERE, Supply
from app.signals import Stop
from engine.errors import DataError, PoseError, SettingsError
from engine.files import HIDDEN
from engine.inbox import Inbox
from engine.pipeline import detect
from engine.settings import Settings
from engine.sources.segments import Segment, SegmentSource, cut, index_of
from engine.sources.stores import read_stored, remove, write_stored
from engine.sources.video import VideoSource
from engine.tracking.camera_motion import CameraMotion

CAPACITY = 16  # frames decoded ahead
VERSION = own_version()


class _Engine:
    """What a worker process keeps: its engine."""

    key = ""
    estimator: Any = None
    stack = ExitStack()


def engine_of(open_estimator: Opener, settings: Settings) -> Any:
    """This process's engine; opened once for the same settings."""
    key = key_of(settings.engine.model_dump(), settings.grouping.model_dump(), open_estimator)
    if _Engine.key != key:
        _Engine.stack.close()
        _Engine.key, _Engine.stack = "", ExitStack()
        _Engine.estimator = _Engine.stack.enter_context(open_estimator(settings))
        _Engine.key = key
    return _Engine.estimator


def describe_engine(open_estimator: Opener, settings: Settings) -> EngineFacts:
    """Open the engine, to see that it can be, and describe it."""
    estimator = engine_of(open_estimator, settings)
    facts = describe(estimator)
    return EngineFacts(
        estimator.skeleton,
        estimator.batch,
        estimator.input_size,
        CheckpointFacts(facts["name"], facts["sha256"], facts["network"]),
        DeviceFacts(facts["device"]),
    )


def guarded(version: str, call: bytes) -> Any:
    """Call a task, pickled with its arguments; what goes wrong is its answer.

    Args:
        version: of the program that asks.
    """
    if version != VERSION:
        return Failure(
            f"a machine of the cluster runs posestream {VERSION}, this command is {version}: "
            "install the same on every machine"
        )
    try:
        return unpacked(call)()
    except PoseError as error:
        return Failure(str(error))
    except Exception as error:  # noqa: BLE001 - one input's failure must not end the others
        import traceback

        text = f"{type(error).__name__}: {error}"
        return Failure(text, traceback.format_exc())


def survey(work: Work) -> Survey:
    """Look at an input: whether it is up to date, and where it can be cut."""
    if read_stored(work.shared) is None:
        raise SettingsError(
            f"a machine of the cluster cannot see {work.files.folder}: choose a folder that all "
            "of them share, or an address such as s3://bucket/folder, with -o"
        )
    with closing(work.job.open()) as source:
        content = Content(source).key
        key = _key(work, content)
        if not work.force and content is not None and _is_up_to_date(work, source, key):
            return Survey(key, up_to_date=True)
        if not isinstance(source, VideoSource) or content is None:
            return Survey(key)
        info, name = source.info, source.name
    index = index_of(work.job.source)
    if index is None:
        return Survey(key)
    length = max(1, round(work.settings.cluster.segment * index.rate))
    segments = tuple(cut(index, length, work.facts.batch))
    wanted = work.files.overlay is not None
    drawn = tuple(cut(index, length, frames_together(info.rate))) if wanted else ()
    return Survey(key, name, info, content, segments, drawn, frames=len(index.stamps))


def _is_up_to_date(work: Work, source: Any, key: str) -> bool:
    if work.deliver is not None:
        return is_delivered(work.deliver, work.files.name, key)
    report, facts = Outcome(source.name), work.facts
    records = Records(work.job, work.files, work.settings, source, facts, report, force=False)  # type: ignore[arg-type]
    return not records.wanted()


def _key(work: Work, content: str | None) -> str:
    return delivery_key(content, work.settings, asdict(work.facts), work.files.name)


def _detection_key(work: Work, content: str, segment: Segment) -> str:
    settings = work.settings.model_dump(mode="json", include={"engine", "grouping"})
    return key_of(content, settings, asdict(work.facts), astuple(segment))


def detect_segment(work: Work, found: Survey, number: int, segment: Segment) -> Detected:
    """Detect the people of one segment and store them, unless that was done before.

    Args:
        found: without its segments, which would make every task large.
    """
    address = work.part("detections", number)
    key = _detection_key(work, found.content, segment)
    stored = _stored_part(address, key)
    if stored is not None:
        return _detected(stored)
    estimator = engine_of(work.open_estimator, work.settings)
    source = SegmentSource(work.job.source, segment)
    with closing(source):
        camera = CameraMotion()
        inbox = Inbox([source.name], keep="all", capacity=CAPACITY)
        detections = detect([source], inbox, estimator, {source.name: camera}, full_batches=True)
        part = gather_detections(detections, camera, len(work.facts.skeleton))
    if source.unsound or not len(part):
        return Detected(unsound=source.unsound or "a segment has no frames")
    write_stored(address, to_bytes(part, key))
    return _detected(part)


def _stored_part(address: str, key: str) -> Part | None:
    data = read_stored(address)
    try:
        return from_bytes(data, key, address) if data is not None else None
    except DataError:  # of an earlier run with other settings, or damaged: made again
        return None


def _detected(part: Part) -> Detected:
    index, times = part.arrays["index"], part.times
    first, last = ((int(index[n]), float(times[n])) for n in (0, -1))
    return Detected(len(part), first, last)


def associate(work: Work, found: Survey) -> Associated:
    """Track, smooth and write everything but the overlay; of that, store the people to draw."""
    drawn: list[DrawnWriter] = []

    def overlay() -> DrawnWriter:
        drawn.append(DrawnWriter(work, found))
        return drawn[-1]

    with _local_files(work) as local:
        supply = Supply(_opener(work, found), detections_of, overlay, found.content)
        report = _process(local, work.facts, supply)
    if drawn:
        report.missing = [line for line in report.missing if DrawnWriter.LATER not in line]
    return Associated(report, drawn=bool(drawn))


def draw(work: Work, found: Survey, number: int, segment: Segment) -> int:
    """Draw and encode one part of the overlay, and store it; the number of its frames."""
    return code_part(work, found, number, segment)


def join(work: Work, found: Survey) -> Outcome:
    """Join the parts of the overlay, with the sound."""
    with _local_files(work) as local:
        overlay = joined_overlay(local, found)
        supply = Supply(_opener(work, found), detections_of, overlay, found.content)
        return _process(local, work.facts, supply)


def _opener(work: Work, found: Survey) -> Callable[[str], Any]:
    def parts() -> Iterator[Part]:
        for number, segment in enumerate(found.segments):
            address = work.part("detections", number)
            data = read_stored(address)
            if data is None:
                raise DataError(f"{address} is gone; run it again")
            yield from_bytes(data, _detection_key(work, found.content, segment), address)

    return lambda text: StoredVideo(work, found, parts)


def _process(work: Work, estimator: Any, supply: Supply) -> Outcome:
    outcome = process_one(
        *(work.job, work.files, work.settings, estimator, Bars(None), Stop()),
        force=work.force,
        supply=supply,
    )
    if work.deliver is None:
        return outcome
    return named_as_sent(outcome, work.files.folder, work.deliver)


def finish(work: Work, found: Survey) -> None:
    """Note that an input is complete, and remove its parts."""
    if work.deliver is not None:
        note_delivered(work.deliver, work.files.name, found.key)
    remove(work.store)


def whole(work: Work, found: Survey) -> Outcome:
    """Do an input that cannot be cut in one piece, as one machine does."""
    estimator = engine_of(work.open_estimator, work.settings)
    with _local_files(work) as local:
        return _process(local, estimator, HERE)


@contextmanager
def _local_files(work: Work) -> Iterator[Work]:
    """The work with local files, which are delivered when the block ends well."""
    if work.deliver is None:
        yield work
        return
    with tempfile.TemporaryDirectory(prefix="posestream-") as folder:
        yield replace(work, files=moved(work.files, Path(folder)))
        made = (p for p in Path(folder).rglob("*") if p.is_file() and HIDDEN not in p.parts)
        deliver(made, Path(folder), work.deliver, work.files.name)
