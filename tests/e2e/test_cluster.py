"""`process` on a cluster gives the bytes of one machine. Without Ray: calls run in this process."""

from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="needs the extra `cluster`")

from app.cluster import tasks
from app.cluster.process import Task, run
from engine.settings import load_settings
from tests.support.clips import write_clip
from tests.support.inline_executor import Inline
from tests.support.walkers_estimator import Walkers, process

FORMATS = '["ndjson", "csv", "parquet", "coco", "openpose", "trc", "mot"]'
EVERYTHING = (f"output.formats={FORMATS}", "output.report=true")
OFFLINE = (*EVERYTHING, "offline.relink=true", "offline.fill_gaps=0.5", "offline.zero_phase=true")


@contextmanager
def walkers(settings):
    yield Walkers()


@pytest.fixture(autouse=True)
def no_engine_kept():
    tasks._Engine.key = ""
    yield
    tasks._Engine.key = ""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    return write_clip(folder / "clip.mp4", 200, sound=True, options={"g": "20"})


def on_cluster(inputs, out, *changes, executor=None, opener=walkers, force=False):
    executor = executor or Inline()
    settings = load_settings(changes=changes)
    texts = tuple(map(str, inputs))
    task = Task(texts, str(out), settings, force=force, open_estimator=opener)
    return run(task, executor, 2), executor


def contents(folder):
    files = [p for p in Path(folder).rglob("*") if p.is_file() and ".posestream" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.mark.parametrize("seconds", [1, 60])
@pytest.mark.parametrize("changes", [EVERYTHING, OFFLINE], ids=["online", "offline"])
def test_the_bytes_are_those_of_one_machine(tmp_path, clip, changes, seconds):
    process([clip], tmp_path / "one", *changes)
    summary, executor = on_cluster(
        [clip], tmp_path / "many", *changes, f"cluster.segment={seconds}"
    )
    assert [(r.error, r.missing) for r in summary.reports] == [(None, [])]
    assert summary.exit_code == 0
    segments = [title for title in executor.titles if title.startswith("detect")]
    assert len(segments) == (5 if seconds == 1 else 1)
    one, many = contents(tmp_path / "one"), contents(tmp_path / "many")
    assert set(many) == set(one)
    assert [name for name in one if many[name] != one[name]] == []


def test_what_is_up_to_date_is_not_done_again_by_either(tmp_path, clip):
    out = tmp_path / "out"
    on_cluster([clip], out)
    summary, executor = on_cluster([clip], out)
    assert summary.reports[0].skipped
    assert [t for t in executor.titles if t.startswith("detect")] == []
    assert process([clip], out)[0].reports[0].skipped
