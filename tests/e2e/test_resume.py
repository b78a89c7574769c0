"""Work that was killed goes on, and gives what it would have given; finished work is not redone."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.process.journal import EVERY
from app.tracks.coco import CocoWriter
from app.tracks.edits import Edit, EditedTracks, replay
from app.tracks.table import FORMATS
from tests.support.clips import write_clip
from tests.support.folders import contents
from tests.support.walkers_estimator import Walkers, process

ROOT = Path(__file__).parents[2]
# The formats whose bytes are ours; libraries put ids and times of their own into the others.
OURS = [f.name for f in FORMATS.values() if f.extra in ("", "parquet")]
EVERYTHING = ("output.formats=" + str(OURS).replace("'", '"'),)
OFFLINE = (
    *EVERYTHING,
    "offline.relink=true",
    "offline.fill_gaps=0.5",
    "offline.zero_phase=true",
)
FRAMES = 260
KILLS = int(os.environ.get("POSESTREAM_KILLS", "2"))  # the closing note tells of 20


class Killed(BaseException):
    """Ends a run as no error of the program does."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", FRAMES, sound=True)


def run_until(moment, clip, out, changes):
    """Run `process` in a process of its own and kill it when `moment(seconds)`; its exit code."""
    command = [sys.executable, "tests/support/walkers_estimator.py", str(clip), str(out), *changes]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as running:
        began = time.monotonic()
        while running.poll() is None:
            if moment(time.monotonic() - began):
                running.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        return running.wait()


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a thing of POSIX systems")
@pytest.mark.parametrize("changes", [EVERYTHING, OFFLINE], ids=["online", "offline"])
def test_killed_at_any_moment_and_run_again_the_files_are_the_same(tmp_path, clip, changes):
    process([clip], tmp_path / "whole", *changes)
    expected = contents(tmp_path / "whole")
    assert len(expected) > len(OURS)
    chance = random.Random(1)
    out = tmp_path / "killed"
    note = out / ".posestream" / "clip.json"
    killed = 0
    for _ in range(KILLS):
        wait = chance.uniform(0, 1.5)
        started = note.stat().st_mtime_ns if note.exists() else 0
        moved: list[float] = []

        def moment(seconds, started=started, wait=wait, moved=moved):
            """Some time after the first note of this run, so that every run gets somewhere."""
            if not moved and note.exists() and note.stat().st_mtime_ns != started:
                moved.append(seconds)
            return bool(moved) and seconds > moved[0] + wait

        killed += run_until(moment, clip, out, changes) == -signal.SIGKILL
    assert killed > 0
    assert run_until(lambda seconds: False, clip, out, changes) == 0
    again = contents(out)
    assert set(again) == set(expected)
    assert [name for name in expected if again[name] != expected[name]] == []


def test_what_is_there_is_not_sent_through_the_network_again(tmp_path, clip):
    class Stopping(Walkers):
        def collect(self, ticket):
            if ticket[0].index > 190:
                raise Killed
            return super().collect(ticket)

    with pytest.raises(Killed):
        process([clip], tmp_path / "out", walkers=Stopping())
    summary, walkers = process([clip], tmp_path / "out")
    assert walkers.frames <= FRAMES - 190 + EVERY + 3
    assert summary.reports[0].frames == FRAMES
    assert any("resumed after" in note for note in summary.reports[0].notes)
    process([clip], tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_finished_input_is_skipped_until_something_changes(tmp_path, clip):
    out = tmp_path / "out"
    process([clip], out)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.is_file()}
    summary, walkers = process([clip], out)
    assert (summary.exit_code, summary.reports[0].skipped, walkers.frames) == (0, True, 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert process([clip], out, "tracking.max_lost=2.0")[1].frames == FRAMES
    assert process([clip], out, "tracking.max_lost=2.0")[1].frames == 0
    assert process([clip], out, "tracking.max_lost=2.0", force=True)[1].frames == FRAMES


def test_an_input_with_other_content_is_done_again(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 70)
    process([clip], tmp_path / "out")
    write_clip(clip, 80)
    assert process([clip], tmp_path / "out")[1].frames == 80


def test_another_format_is_made_from_the_tracks_that_are_there(tmp_path, clip):
    out = tmp_path / "out"
    process([clip], out, "output.overlay=false")
    _, walkers = process([clip], out, *EVERYTHING)
    assert walkers.frames == 0
    process([clip], tmp_path / "whole", *EVERYTHING)
    whole = contents(tmp_path / "whole")
    again = contents(out)
    assert set(again) == set(whole)
    different = {name for name in whole if whole[name] != again[name]}
    # The headers keep the settings with which the tracks were made.
    assert different <= {"clip.ndjson", "clip.parquet"}


def test_a_lost_output_is_made_again_without_the_network(tmp_path, clip):
    out = tmp_path / "out"
    process([clip], out)
    before = contents(out)
    (out / "clip.csv").unlink()
    assert process([clip], out)[1].frames == 0
    assert contents(out) == before


def test_a_stopped_run_goes_on_after_a_signal(tmp_path, clip):
    class Interrupted(Walkers):
        def collect(self, ticket):
            if ticket[0].index == 150:
                os.kill(os.getpid(), signal.SIGINT)
            return super().collect(ticket)

    summary, _ = process([clip], tmp_path / "out", walkers=Interrupted())
    assert summary.exit_code == 130
    summary, walkers = process([clip], tmp_path / "out")
    assert summary.exit_code == 0
    assert walkers.frames < FRAMES - 60
    process([clip], tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_what_is_done_at_the_end_can_be_chosen_afterwards(tmp_path, clip):
    out = tmp_path / "out"
    process([clip], out, *OFFLINE)
    _, walkers = process([clip], out, *OFFLINE[:-1], "offline.zero_phase=false")
    assert walkers.frames == 0
    process([clip], tmp_path / "whole", *OFFLINE[:-1], "offline.zero_phase=false")
    assert contents(out) == contents(tmp_path / "whole")
    assert process([clip], out, *OFFLINE[:-1], "offline.zero_phase=false")[0].reports[0].skipped


def test_a_damaged_journal_is_one_line_that_names_force(tmp_path, clip):
    out = tmp_path / "out"
    process([clip], out)
    before = contents(out)
    for name in ("clip.json", "clip.files.json"):
        journal = out / ".posestream" / name
        whole = journal.read_bytes()
        for damage in (b"", b"{}", b"[1]", whole[:-20], whole[:-9] + b"x" + whole[-8:], bytes(99)):
            journal.write_bytes(damage)
            [report] = process([clip], out)[0].reports
            assert f"{name} is damaged: add --force" in report.error
            assert contents(out) == before
        assert process([clip], out, force=True)[0].exit_code == 0
        assert contents(out) == before


def test_edited_tracks_are_skipped_and_never_written_over_unasked(tmp_path, clip):
    out = tmp_path / "out"
    process([clip], out)
    EditedTracks(out / "clip.ndjson").add(Edit("swap", (0, 1)))
    edited = contents(out)
    assert process([clip], out)[0].reports[0].skipped
    summary, _ = process([clip], out, "tracking.max_lost=2.0")
    assert "holds edits" in summary.reports[0].error
    assert contents(out) == edited
    summary, _ = process([clip], out, force=True)
    assert summary.exit_code == 0
    assert contents(out)["clip.ndjson"] != edited["clip.ndjson"]
    replay(out / "clip.ndjson", out / "clip.edits.before")
    assert contents(out)["clip.ndjson"] == edited["clip.ndjson"]


@pytest.mark.parametrize("changes", [EVERYTHING, OFFLINE], ids=["online", "offline"])
def test_files_cut_short_after_the_tracks_were_finished_are_made_again(
    tmp_path, clip, changes, monkeypatch
):
    whole, out = tmp_path / "whole", tmp_path / "out"
    process([clip], whole, *changes)
    process([clip], out, *changes[1:], 'output.formats=["ndjson"]', "output.overlay=false")

    written = CocoWriter.write

    def dies(self, result):
        if result.frame.index == 100:
            raise Killed
        written(self, result)

    monkeypatch.setattr(CocoWriter, "write", dies)
    with pytest.raises(Killed):
        process([clip], out, *changes)
    monkeypatch.undo()
    summary, walkers = process([clip], out, *changes)
    assert not summary.reports[0].skipped
    assert walkers.frames == 0
    again = contents(out)
    different = {n for n, data in contents(whole).items() if again[n] != data}
    assert different <= {"clip.ndjson", "clip.parquet"}  # whose headers keep the first formats
    assert process([clip], out, *changes)[0].reports[0].skipped


def test_going_from_one_choice_at_the_end_to_none_gives_what_none_gives(tmp_path, clip):
    plain, out = tmp_path / "plain", tmp_path / "out"
    process([clip], plain)
    process([clip], out, "offline.relink=true", "offline.zero_phase=true")
    assert contents(out)["clip.csv"] != contents(plain)["clip.csv"]
    process([clip], out)
    assert contents(out) == contents(plain)


def test_a_truncated_video_is_followed_up_to_where_it_breaks_off(tmp_path):
    faststart = {"movflags": "faststart"}
    clip = write_clip(tmp_path / "c.mp4", 120, options={"g": "12"}, container_options=faststart)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    summary, _ = process([clip], tmp_path / "out", "offline.fill_gaps=0.5")
    assert "breaks off" in summary.reports[0].error
    last = json.loads((tmp_path / "out" / "c.ndjson").read_text().splitlines()[-1])
    assert last["complete"] is False
    assert 30 < last["frames"] < 110


def test_edited_tracks_are_not_written_over_by_another_choice_at_the_end(tmp_path, clip):
    out = tmp_path / "out"
    process([clip], out, "offline.relink=true")
    EditedTracks(out / "clip.ndjson").add(Edit("swap", (0, 1)))
    edited = contents(out)
    summary, _ = process([clip], out, "offline.relink=true", "offline.fill_gaps=0.5")
    assert "holds edits" in summary.reports[0].error
    assert contents(out) == edited
