"""What live writes is what process writes, so that one reader serves both."""

import json

from app.live.publish import Publisher
from app.tracks.lines import Lines
from app.tracks.ndjson_writer import NdjsonWriter, header_of
from app.tracks.writer import Ending
from engine.inbox import Inbox
from engine.pipeline import run
from engine.settings import Settings
from engine.skeleton import COCO
from engine.sources.video import VideoSource
from engine.tracking.smoothing import Smoother
from engine.tracking.tracker import Tracker
from tests.support.clips import write_clip
from tests.support.live_fakes import Bench, FakeEstimator


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_gives_the_same_lines_live_and_offline(tmp_path):
    clip = str(write_clip(tmp_path / "clip.mp4", frames=40))
    live, offline = tmp_path / "live.ndjson", tmp_path / "offline.ndjson"
    session = Bench(people=2).session(clip, fast=True)
    publisher = Publisher(Lines(live), session.header, several=False, raw=True)
    for result in session.results():
        publisher.write(result)
    publisher.close()

    settings, source = Settings(), VideoSource(clip)
    writer = NdjsonWriter(
        offline, header_of(source.name, source.info, COCO.names, COCO.limbs), raw=True
    )
    stages = [Tracker(settings.tracking, COCO), Smoother(settings.smoothing, COCO)]
    inbox = Inbox([source.name])
    estimator = FakeEstimator(settings, people=2)
    results = list(run([source], inbox, estimator, lambda name: stages))
    for result in results:
        writer.write(result)
    writer.close(Ending(len(results), sum(len(r.poses) for r in results)))

    live_lines, offline_lines = lines_of(live), lines_of(offline)
    assert len(live_lines) == 42
    for line in live_lines:
        line.pop("age", None)
    assert json.dumps(live_lines[1:]) == json.dumps(offline_lines[1:])
    shared = offline_lines[0].keys()
    assert {key: live_lines[0][key] for key in shared} == offline_lines[0]
