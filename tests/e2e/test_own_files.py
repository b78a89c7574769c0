"""What is not ours is never replaced, and what is ours is never taken for an input."""

import json
import shutil
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from app.cli import main
from app.process.batch import process_files
from app.process.to_lines import process_to_lines
from app.tracks.convert import convert
from engine.errors import OutputError, SettingsError
from engine.settings import load_settings
from tests.support.clips import write_clip
from tests.support.folders import contents
from tests.support.walkers_estimator import Walkers, process

ALL = ("output.report=true",)


@pytest.fixture
def trial(tmp_path):
    """A recording beside its user's own files of the same name."""
    write_clip(tmp_path / "trial01.mov", 20)
    for ending in ("csv", "html", "ndjson"):
        (tmp_path / f"trial01.{ending}").write_text("mine")
    write_clip(tmp_path / "trial01.mp4", 5)
    return tmp_path


def test_files_of_the_user_stay_and_the_results_get_another_name(trial):
    before = contents(trial)
    summary, _ = process([trial / "trial01.mov"], trial, *ALL)
    assert summary.exit_code == 0
    assert "trial01-2" in summary.reports[0].notes[0]
    after = contents(trial)
    assert {name: after[name] for name in before} == before
    new = set(after) - set(before)
    assert new == {"trial01-2.csv", "trial01-2.html", "trial01-2.ndjson", "trial01-2.mp4"}
    again, walkers = process([trial / "trial01.mov"], trial, *ALL)
    assert (again.reports[0].skipped, walkers.frames) == (True, 0)
    assert contents(trial) == after


def test_force_replaces_them_but_no_input(trial):
    video = (trial / "trial01.mov").read_bytes()
    summary, _ = process([trial / "trial01.mov"], trial, *ALL, force=True)
    assert summary.exit_code == 0
    assert (trial / "trial01.csv").read_text() != "mine"
    assert (trial / "trial01.mov").read_bytes() == video
    both = [trial / "trial01.mov", write_clip(trial / "trial01.mp4", 5)]
    before = both[1].read_bytes()
    assert process(both, trial, force=True)[0].exit_code == 0
    assert both[1].read_bytes() == before


def test_an_output_name_that_is_a_link_to_the_input_destroys_nothing(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 10)
    before = clip.read_bytes()
    out = tmp_path / "out"
    for force in (False, True):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        for ending in ("ndjson", "csv", "mp4"):
            (out / f"clip.{ending}").symlink_to(clip)
        assert process([clip], out, force=force)[0].exit_code == 0
        assert clip.read_bytes() == before


def test_a_second_run_over_the_folder_takes_no_overlay_for_an_input(tmp_path):
    write_clip(tmp_path / "a.mov", 10)
    write_clip(tmp_path / "b.mp4", 10)
    write_clip(tmp_path / "my_overlay.mp4", 10)  # of the user, whatever it is called
    assert len(process([tmp_path], tmp_path)[0].reports) == 3
    before = contents(tmp_path)
    summary, walkers = process([tmp_path], tmp_path)
    assert [report.skipped for report in summary.reports] == [True] * 3
    assert walkers.frames == 0
    assert contents(tmp_path) == before


def test_a_file_that_the_user_changed_stays(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 40)
    out = tmp_path / "out"
    process([clip], out)
    table = out / "clip.csv"
    table.write_text(table.read_text().replace("detected", "seen"))
    changed = contents(out)
    summary, _ = process([clip], out)
    assert summary.reports[0].skipped
    assert "changed by hand" in summary.reports[0].notes[0]
    summary, _ = process([clip], out, "tracking.caution=0.4")
    assert "--force" in summary.reports[0].error
    assert contents(out) == changed
    assert process([clip], out, "tracking.caution=0.4", force=True)[0].exit_code == 0
    assert "seen" not in table.read_text()


def test_convert_replaces_only_what_it_wrote(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 20)
    process([clip], tmp_path / "out", "output.overlay=false")
    full = (tmp_path / "out" / "clip.ndjson").read_bytes()
    with pytest.raises(OutputError, match="may hold more"):
        convert(tmp_path / "out" / "clip.csv", "ndjson")
    assert (tmp_path / "out" / "clip.ndjson").read_bytes() == full
    for _ in range(2):
        convert(tmp_path / "out" / "clip.ndjson", "mot,trc")
    (tmp_path / "out" / "clip.mot.txt").write_text("mine")
    with pytest.raises(OutputError, match="--force"):
        convert(tmp_path / "out" / "clip.ndjson", "mot")
    convert(tmp_path / "out" / "clip.ndjson", "mot", force=True)
    assert (tmp_path / "out" / "clip.mot.txt").read_text() != "mine"


def test_trc_files_of_the_user_with_our_pattern_stay(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 20)
    theirs = tmp_path / "clip_px_person77.trc"
    theirs.write_text("mine")
    process([clip], tmp_path, 'output.formats=["trc"]', "output.overlay=false")
    assert theirs.read_text() == "mine"
    assert list(tmp_path.glob("clip-2_px_person*.trc"))


def test_an_input_that_is_replaced_between_two_passes_is_noticed(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "clip.mp4", 40)

    class Replacing(Walkers):
        def collect(self, ticket):
            if ticket[-1].index == 38:
                write_clip(tmp_path / "other.mp4", 40, size=(96, 96)).replace(clip)
            return super().collect(ticket)

    for changes in ((), ("offline.relink=true",)):
        write_clip(clip, 40)
        summary, _ = process([clip], tmp_path / "out", *changes, walkers=Replacing())
        assert "was replaced or changed while it was processed" in summary.reports[0].error
        summary, _ = process([clip], tmp_path / "out", *changes)
        assert summary.exit_code == 0


def test_a_part_of_a_video_keeps_its_numbers_and_times(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 90, sound=True)
    arguments = ("--start", "1", "--end", "2", "--frames", "20")
    command(clip, tmp_path / "out", *arguments)
    head, *frames, end = lines(tmp_path / "out" / "clip.ndjson")
    assert head["part"] == {"start": 1.0, "end": 2.0, "frames": 20}
    assert [line["index"] for line in frames] == list(range(30, 50))
    assert (end["frames"], end["complete"]) == (20, True)
    command(clip, tmp_path / "out", "--start", "2.5")
    assert [line["index"] for line in lines(tmp_path / "out" / "clip.ndjson")[1:-1]] == [
        *range(75, 90)
    ]


class Kept:
    """Lines in memory."""

    def __init__(self):
        self.lines = []

    def add(self, line):
        self.lines.append(json.loads(line))

    def close(self):
        raise AssertionError("standard output is not ours to close")


def test_lines_to_standard_output_and_no_files(tmp_path):
    clips = [str(write_clip(tmp_path / f"{name}.mp4", 5)) for name in "ab"]
    kept = Kept()
    before = contents(tmp_path)
    texts = [*clips, str(tmp_path / "missing.mp4")]
    summary = process_to_lines(texts, load_settings(), lines=kept, open_estimator=walkers)
    assert summary.exit_code == 1
    assert [line["type"] for line in kept.lines] == ["header", *["frame"] * 5, "end"] * 2
    assert {line["source"] for line in kept.lines} == set(clips)
    assert contents(tmp_path) == before
    process_to_lines(clips[:1], load_settings(), lines=kept, open_estimator=walkers)
    process([tmp_path / "a.mp4"], tmp_path / "out")
    assert kept.lines[-6:] == lines(tmp_path / "out" / "a.ndjson")[1:]
    relinked = load_settings(changes=("offline.relink=true",))
    with pytest.raises(SettingsError, match="give -o a folder"):
        process_to_lines(clips, relinked, open_estimator=walkers)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def command(clip, out, *arguments):
    """`process` with the stand-in for the network."""
    with patch.dict(process_files.__kwdefaults__, open_estimator=walkers):
        with pytest.raises(SystemExit) as end:
            main(["process", str(clip), "-o", str(out), *arguments])
        assert end.value.code == 0


@contextmanager
def walkers(settings):
    yield Walkers()
