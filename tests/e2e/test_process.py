"""`process` from files to files; a stand-in for the network finds one person per frame."""

import csv
import json
import os
import signal
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from app.cli import main
from app.process.batch import process_files
from app.process.outputs import OVERLAY
from engine.errors import DeviceError, OutputError
from engine.files import HIDDEN
from engine.settings import load_settings
from engine.skeleton import COCO
from engine.types import JointState, untracked
from tests.support.clips import number_of, numbered, write_clip, write_sound


class OnePerson:
    """Finds one person, whose place tells the number of the frame; `when` is called per frame."""

    batch, depth, input_size, skeleton = 2, 2, 256, COCO

    def __init__(self, when):
        self.times = {}
        self._when = when
        self.device = SimpleNamespace(name="stand-in", runtime="none")
        self.checkpoint = SimpleNamespace(
            name="stand-in", sha256="0" * 64, network_name="none", path=Path()
        )

    def submit(self, frames):
        return list(frames)

    def collect(self, ticket):
        return [self._find(frame) for frame in ticket]

    def _find(self, frame):
        number = number_of(frame.pixels)
        self._when(number)
        body = np.stack([np.arange(17) * 4 + 60 + number / 10, np.arange(17) * 3 + 44], -1)
        xy = body[None].astype(np.float32)
        score = np.full((1, 17), 0.8, np.float32)
        state = np.full((1, 17), JointState.DETECTED, np.uint8)
        return untracked(xy, score, np.array([0.8], np.float32), state)


def process(inputs, out, *changes, when=lambda number: None, opened=None):
    @contextmanager
    def open_estimator(settings):
        if opened is not None:
            opened.append(settings)
        yield OnePerson(when)

    settings = load_settings(changes=changes)
    return process_files([str(i) for i in inputs], out, settings, open_estimator=open_estimator)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def numbers_and_times(path):
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
        return [number_of(f.to_ndarray(format="rgb24")) for f in frames], [f.time for f in frames]


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != HIDDEN)


def save_image(path, index):
    cv2.imwrite(str(path), cv2.cvtColor(numbered(index), cv2.COLOR_RGB2BGR))


def test_a_video_becomes_tracks_and_an_overlay(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 45, options={"bf": "2", "g": "10"}, sound=True)
    summary = process([clip], tmp_path / "out")
    assert summary.exit_code == 0
    assert names(tmp_path / "out") == ["clip.csv", "clip.mp4", "clip.ndjson"]
    head, *frames, last = lines(tmp_path / "out" / "clip.ndjson")
    assert (head["size"], head["rotation"], head["rate"]) == ([192, 96], 0, 30.0)
    assert head["weights"]["name"] == "stand-in"
    assert head["settings"]["tracking"]["enabled"] is True
    assert [line["index"] for line in frames] == list(range(45))
    assert [line["time"] for line in frames] == pytest.approx(np.arange(45) / 30, abs=1e-6)
    assert last["complete"] is True
    assert (last["frames"], last["people"]) == (45, sum(len(line["people"]) for line in frames))
    with (tmp_path / "out" / "clip.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == last["people"]
    numbers, times = numbers_and_times(tmp_path / "out" / "clip.mp4")
    assert numbers == list(range(45))
    assert times == pytest.approx(np.arange(45) / 30, abs=1e-9)
    with av.open(str(tmp_path / "out" / "clip.mp4")) as file:
        assert len(file.streams.audio) == 1


def test_the_people_are_those_of_their_frame(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 20)
    off = ("tracking.enabled=false", "smoothing.enabled=false")
    process([clip], tmp_path, *off)
    _, *frames, _ = lines(tmp_path / "clip.ndjson")
    for line in frames:
        [person] = line["people"]
        assert person["keypoints"][0][0] == pytest.approx(60 + line["index"] / 10, abs=0.006)
        assert person["id"] is None
        assert "raw" not in person


def test_a_tracked_person_keeps_one_id_and_the_raw_points(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 40)
    summary = process([clip], tmp_path / "out")
    _, *frames, _ = lines(tmp_path / "out" / "clip.ndjson")
    people = [person for line in frames for person in line["people"]]
    assert len({person["id"] for person in people}) == 1
    assert people[-1]["id"] in summary.reports[0].ids
    assert all(len(person["raw"]) == 17 for person in people)


def test_a_variable_rate_and_a_rotation_reach_all_outputs(tmp_path):
    ticks = [33 * i if i < 20 else 660 + 100 * (i - 20) for i in range(30)]
    clip = write_clip(
        tmp_path / "v.mkv", 30, ticks=ticks, time_base=Fraction(1, 1000), options={"bf": "0"}
    )
    turned = write_clip(tmp_path / "r.mp4", 5, clockwise=90)
    process([clip, turned], tmp_path / "out")
    expected = [t / 1000 for t in ticks]
    _, *frames, _ = lines(tmp_path / "out" / "v.ndjson")
    assert [line["time"] for line in frames] == pytest.approx(expected, abs=1e-6)
    assert numbers_and_times(tmp_path / "out" / "v.mp4")[1] == pytest.approx(expected, abs=1e-6)
    head = lines(tmp_path / "out" / "r.ndjson")[0]
    assert (head["rotation"], head["size"]) == (90, [192, 96])
    assert numbers_and_times(tmp_path / "out" / "r.mp4")[0] == list(range(5))


def test_without_an_overlay_no_video_is_written(tmp_path):
    process([write_clip(tmp_path / "c.mp4", 3)], tmp_path / "out", "output.overlay=false")
    assert names(tmp_path / "out") == ["c.csv", "c.ndjson"]


def test_folders_and_patterns_stand_for_their_videos_and_images(tmp_path):
    videos, pictures = tmp_path / "videos", tmp_path / "pictures"
    videos.mkdir()
    pictures.mkdir()
    for name in ("a2", "a10", "b1"):
        write_clip(videos / f"{name}.mp4", 2)
    for index in range(3):
        save_image(pictures / f"{index}.png", index)
    opened = []
    summary = process([videos / "a*.mp4", pictures], tmp_path / "out", opened=opened)
    assert [Path(r.source).name for r in summary.reports] == ["a2.mp4", "a10.mp4", "pictures"]
    assert len(opened) == 1
    assert names(tmp_path / "out" / f"pictures{OVERLAY}") == ["0.jpg", "1.jpg", "2.jpg"]
    assert len(process([videos], tmp_path / "out2").reports) == 3


def test_a_single_image_gets_a_single_overlay(tmp_path):
    save_image(tmp_path / "photo.png", 5)
    process([tmp_path / "photo.png"], tmp_path / "out")
    assert names(tmp_path / "out") == ["photo.csv", "photo.ndjson", "photo_overlay.jpg"]
    assert lines(tmp_path / "out" / "photo.ndjson")[-1]["frames"] == 1


def test_inputs_of_one_name_get_outputs_of_their_own(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        write_clip(tmp_path / folder / "clip.mp4", 2 if folder == "x" else 4)
    process([tmp_path / "x" / "clip.mp4", tmp_path / "y" / "clip.mp4"], tmp_path / "out")
    assert lines(tmp_path / "out" / "clip.ndjson")[-1]["frames"] == 2
    assert lines(tmp_path / "out" / "clip-2.ndjson")[-1]["frames"] == 4


def test_an_input_is_never_overwritten(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 5)
    before = clip.read_bytes()
    linked = tmp_path / "linked"
    linked.symlink_to(tmp_path)
    for out in (tmp_path, linked):
        assert process([clip], out).exit_code == 0
        assert clip.read_bytes() == before
    assert names(tmp_path) == ["clip.csv", "clip.mp4", "clip.ndjson", "clip_overlay.mp4", "linked"]
    assert len(process([tmp_path], tmp_path).reports) == 1  # our overlay is no input


def test_bad_inputs_are_named_and_the_good_ones_done(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "letter.mp4").write_text("Dear Sir or Madam")
    write_sound(tmp_path / "sound.m4a")
    write_clip(tmp_path / "good.mp4", 6)
    inputs = ["missing.mp4", "empty.mp4", "letter.mp4", "sound.m4a", "good.mp4", "no*thing.mp4"]
    summary = process([tmp_path / name for name in inputs], tmp_path / "out")
    assert summary.exit_code == 1
    errors = {Path(r.source).stem: r.error or "" for r in summary.reports}
    assert "there is no file" in errors["missing"]
    assert "is empty" in errors["empty"]
    assert "not a video" in errors["letter"]
    assert "sound but no video" in errors["sound"]
    assert "nothing matches" in errors["no*thing"]
    assert errors["good"] == ""
    assert names(tmp_path / "out") == ["good.csv", "good.mp4", "good.ndjson"]


def test_a_truncated_video_gives_what_it_has_and_says_what_is_missing(tmp_path):
    clip = write_clip(
        tmp_path / "c.mp4",
        120,
        options={"g": "12", "bf": "2"},
        container_options={"movflags": "faststart"},
    )
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    summary = process([clip], tmp_path / "out")
    _, *frames, last = lines(tmp_path / "out" / "c.ndjson")
    assert summary.exit_code == 1
    assert "breaks off" in summary.reports[0].error
    assert last["complete"] is False
    assert "of 120 frames could be read" in last["error"]
    assert 30 < len(frames) < 110
    seen, times = numbers_and_times(tmp_path / "out" / "c.mp4")
    assert seen[:48] == list(range(48))
    assert times == pytest.approx([line["time"] for line in frames], abs=1e-6)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_complete_files(tmp_path, number):
    clips = [write_clip(tmp_path / f"{name}.mp4", 200, sound=True) for name in "ab"]

    def interrupt(frame):
        if frame == 50:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    summary = process(clips, tmp_path / "out", when=interrupt)
    assert summary.exit_code == 130
    assert [Path(r.source).name for r in summary.reports] == ["a.mp4"]
    _, *frames, last = lines(tmp_path / "out" / "a.ndjson")
    assert (last["complete"], last["error"]) == (False, "interrupted")
    assert last["frames"] == len(frames) <= 60
    assert numbers_and_times(tmp_path / "out" / "a.mp4")[0] == list(range(len(frames)))
    assert signal.getsignal(number) is before


def test_a_second_signal_stops_at_once_and_still_closes_the_files(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", 100)

    def interrupt(frame):
        if frame == 30:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        process([clip], tmp_path / "out", when=interrupt)
    last = lines(tmp_path / "out" / "a.ndjson")[-1]
    assert (last["type"], last["complete"]) == ("end", False)
    assert len(numbers_and_times(tmp_path / "out" / "a.mp4")[0]) == last["frames"]


def test_a_bug_is_the_failure_of_its_input_and_leaves_closed_files_and_a_log(tmp_path):
    def fail(frame):
        if frame == 10:
            raise ZeroDivisionError("a bug")

    clips = [write_clip(tmp_path / f"{name}.mp4", frames) for name, frames in (("a", 30), ("b", 5))]
    summary = process(clips, tmp_path / "out", when=fail)
    assert summary.exit_code == 1
    bad, good = summary.reports
    assert "unexpected ZeroDivisionError: a bug" in bad.error
    assert "ZeroDivisionError" in (tmp_path / "out" / HIDDEN / "errors.log").read_text()
    assert lines(tmp_path / "out" / "a.ndjson")[-1]["error"] == "a bug"
    assert (good.error, good.frames) == (None, 5)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
@pytest.mark.parametrize("suffix", ["ndjson", "csv", "mp4"])
def test_a_full_disk_fails_that_file_and_not_the_others(tmp_path, suffix, monkeypatch):
    out = tmp_path / "out"
    real = Path.open

    def opened(path, *arguments, **options):
        full = path == out / f"a.{suffix}" and "b" in (arguments or ("",))[0]
        return real(Path("/dev/full") if full else path, *arguments, **options)

    monkeypatch.setattr(Path, "open", opened)
    clips = [write_clip(tmp_path / f"{name}.mp4", 150) for name in "ab"]
    summary = process(clips, out)
    assert summary.exit_code == 1
    bad, good = summary.reports
    assert good.complete
    if suffix == "ndjson":
        assert "a.ndjson: the disk is full" in bad.error
    else:
        assert bad.error is None
        assert f"a.{suffix}: the disk is full" in bad.missing[0]
        assert lines(out / "a.ndjson")[-1]["complete"] is True
        monkeypatch.undo()
        assert process(clips, out).exit_code == 0  # the rest is made once there is room
        assert (out / f"a.{suffix}").stat().st_size > 1000


def test_an_output_that_cannot_be_created_is_named(tmp_path):
    out = tmp_path / "out"
    (out / "a.csv").mkdir(parents=True)
    clips = [str(write_clip(tmp_path / f"{n}.mp4", 3)) for n in "ab"]

    @contextmanager
    def one_person(settings):
        yield OnePerson(lambda number: None)

    summary = process_files(clips, out, load_settings(), force=True, open_estimator=one_person)
    assert "a.csv" in summary.reports[0].missing[0]
    assert summary.reports[1].complete


def test_a_folder_that_cannot_be_made_is_an_error_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot make the folder"):
        process([write_clip(tmp_path / "a.mp4", 3)], tmp_path / "file" / "out")


def test_a_missing_device_ends_everything(tmp_path):
    @contextmanager
    def none_here(settings):
        raise DeviceError("there is no CUDA device")
        yield

    with pytest.raises(DeviceError):
        process_files(
            [str(write_clip(tmp_path / "a.mp4", 3))],
            tmp_path,
            load_settings(),
            open_estimator=none_here,
        )


def test_the_command_reports_a_missing_file_with_exit_code_1(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["process", str(tmp_path / "gone.mp4"), "-o", str(tmp_path / "out")])
    assert end.value.code == 1
    assert "there is no file" in capsys.readouterr().err


def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path):
    clip = write_clip(tmp_path / "long.mp4", 1000, size=(320, 180))
    resident = {}

    def measure(frame):
        if frame in (200, 950):
            pages = Path("/proc/self/statm").read_text().split()[1]
            resident[frame] = int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20

    process([clip], tmp_path / "out", when=measure)
    assert resident[950] - resident[200] < 20


def test_a_second_command_leaves_the_files_of_the_first_alone(tmp_path):
    clip, other = (write_clip(tmp_path / name, 12) for name in ("clip.mp4", "other.mp4"))
    second = []

    def start_another(number):
        if number == 6 and not second:
            second.append(None)
            second[0] = process([clip, other], tmp_path / "out")

    first = process([clip], tmp_path / "out", when=start_another)
    assert first.exit_code == 0
    refused, done = second[0].reports
    assert "another command is working on" in refused.error
    assert done.complete
    assert len(lines(tmp_path / "out" / "clip.ndjson")) == 14  # with header and end
    assert process([clip], tmp_path / "out").reports[0].skipped
