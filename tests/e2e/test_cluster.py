"""`process` on a cluster gives the bytes of one machine. Without Ray: calls run in this process."""

import os
import signal
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
    return write_clip(folder / "clip.mp4", 160, sound=True, options={"g": "20"})


def on_cluster(inputs, out, *changes, executor=None, opener=walkers, force=False):
    executor = executor or Inline()
    settings = load_settings(changes=changes)
    texts = tuple(map(str, inputs))
    task = Task(texts, str(out), settings, force=force, open_estimator=opener)
    return run(task, executor, lambda: 2), executor


def contents(folder):
    files = [p for p in Path(folder).rglob("*") if p.is_file() and ".posestream" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [(EVERYTHING, 1), (OFFLINE, 1), (EVERYTHING, 60)],
    ids=["online", "offline", "one segment"],
)
def test_the_bytes_are_those_of_one_machine(tmp_path, clip, changes, seconds):
    process([clip], tmp_path / "one", *changes)
    summary, executor = on_cluster(
        [clip], tmp_path / "many", *changes, f"cluster.segment={seconds}"
    )
    assert [(r.error, r.missing) for r in summary.reports] == [(None, [])]
    assert summary.exit_code == 0
    segments = [title for title in executor.titles if title.startswith("detect")]
    assert len(segments) == (4 if seconds == 1 else 1)
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


def test_a_task_that_runs_twice_changes_nothing(tmp_path, clip):
    process([clip], tmp_path / "one")
    executor = Inline(lose=lambda title: True)
    summary, _ = on_cluster([clip], tmp_path / "many", "cluster.segment=1", executor=executor)
    assert summary.exit_code == 0
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


def test_segments_that_are_there_are_not_detected_again(tmp_path, clip, monkeypatch):
    class Killed(Inline):
        def start(self, call):
            if call.title.startswith("associate"):
                raise KeyboardInterrupt
            return super().start(call)

    with pytest.raises(KeyboardInterrupt):
        on_cluster([clip], tmp_path / "many", "cluster.segment=1", executor=Killed())
    parts = tmp_path / "many" / ".posestream" / "clip.parts"
    stamps = {p.name: p.stat().st_mtime_ns for p in parts.glob("detections-*")}
    assert len(stamps) == 4
    written = []
    write = tasks.write_stored
    monkeypatch.setattr(
        tasks, "write_stored", lambda to, data: written.append(to) or write(to, data)
    )
    summary, _ = on_cluster([clip], tmp_path / "many", "cluster.segment=1")
    assert summary.exit_code == 0
    assert [to for to in written if "detections" in to] == []
    assert not parts.exists()
    process([clip], tmp_path / "one")
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


def test_a_damaged_video_is_done_in_one_piece_as_on_one_machine(tmp_path, clip):
    data = bytearray(clip.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 600] = b"\xff" * 600
    damaged = tmp_path / "clip.mp4"
    damaged.write_bytes(data)
    one, _ = process([damaged], tmp_path / "one")
    many, _ = on_cluster([damaged], tmp_path / "many", "cluster.segment=1")
    assert many.reports[0].error == one.reports[0].error
    assert "damaged" in one.reports[0].error
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


def test_results_go_to_a_store(tmp_path, clip):
    import fsspec

    memory = fsspec.filesystem("memory")
    try:
        summary, _ = on_cluster([clip], "memory://lab/out", "cluster.segment=1")
        assert [(r.error, r.missing) for r in summary.reports] == [(None, [])]
        process([clip], tmp_path / "one")
        named = [name.rpartition("/")[2] for name in summary.reports[0].outputs]
        assert summary.reports[0].outputs == [f"memory://lab/out/{name}" for name in named]
        assert set(named) == set(contents(tmp_path / "one"))
        for name, data in contents(tmp_path / "one").items():
            assert memory.cat_file(f"/lab/out/{name}") == data
        summary, executor = on_cluster([clip], "memory://lab/out", "cluster.segment=1")
        assert summary.reports[0].skipped
        assert len(executor.titles) == 2  # the engine, and a look at the input
    finally:
        memory.store.clear()


@pytest.mark.parametrize("when", ["detect 1", "draw 1"])
@pytest.mark.parametrize("stored", [False, True])
def test_a_video_that_changes_meanwhile_is_one_line(tmp_path, clip, stored, when):
    import fsspec

    memory = fsspec.filesystem("memory")
    data = clip.read_bytes()
    address = "memory://in/clip.mp4" if stored else str(tmp_path / "clip.mp4")
    put = memory.pipe_file if stored else lambda path, value: Path(path).write_bytes(value)

    class Changing(Inline):
        def start(self, call):
            if call.title.startswith(when):
                put(address, data + b"\0\0\0\x10free12345678")  # the frames stay as they were
            return super().start(call)

    try:
        put(address, data)
        summary, _ = on_cluster(
            [address], tmp_path / "out", "cluster.segment=1", executor=Changing()
        )
        report = summary.reports[0]
        assert "was replaced or changed while it was processed" in f"{report.error}{report.missing}"
        summary, _ = on_cluster([address], tmp_path / "out", "cluster.segment=1")
        assert summary.exit_code == 0
    finally:
        memory.store.clear()


def test_ctrl_c_ends_a_run_that_waits_for_a_place(tmp_path, clip):
    class Full(Inline):
        """A cluster without a free slot."""

        cancelled = ()

        def wait(self, running, seconds):
            os.kill(os.getpid(), signal.SIGINT)
            return []

        def cancel(self, running):
            self.cancelled = list(running)

    executor = Full()
    summary, _ = on_cluster([clip], tmp_path / "out", executor=executor)
    assert summary.exit_code == 130
    assert len(executor.cancelled) == 1


def test_a_folder_that_a_machine_cannot_see_is_one_line(tmp_path, clip, monkeypatch):
    monkeypatch.setattr(tasks, "read_stored", lambda address: None)
    summary, _ = on_cluster([clip], tmp_path / "out")
    assert "cannot see" in summary.reports[0].error


def test_a_second_command_leaves_the_files_of_the_first_alone(tmp_path, clip):
    second = []

    class Twice(Inline):
        """Starts the same command once more in the middle."""

        def start(self, call):
            if call.title.startswith("associate"):
                second.append(on_cluster([clip], tmp_path / "out", "cluster.segment=1"))
            return super().start(call)

    first, _ = on_cluster([clip], tmp_path / "out", "cluster.segment=1", executor=Twice())
    assert first.exit_code == 0
    [(refused, executor)] = second
    assert "another command is working on" in refused.reports[0].error
    assert executor.titles == ["open the engine"]
    process([clip], tmp_path / "one")
    assert contents(tmp_path / "out") == contents(tmp_path / "one")
