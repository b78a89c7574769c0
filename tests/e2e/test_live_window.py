"""A real window on a real X server, with the mouse and keys of xdotool."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from configparser import ConfigParser
from pathlib import Path

import av
import pytest

from tests.support.stream_servers import MjpegServer
from tests.support.waiting import until

PROGRAM = "tests.support.live_window"
NEEDED = ("Xvfb", "xdotool")
pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in NEEDED), reason="needs Xvfb and xdotool"
)
PATIENCE = {"seconds": 60.0, "pause": 0.05}  # a window takes long to appear where CPUs are busy
SOURCE = "lavfi:testsrc2=size=320x240:rate=25"


class Person:
    """Someone at mouse and keyboard."""

    def __init__(self, display, folder, *sources):
        self.sources = sources or (SOURCE,)
        self.environment = {
            **os.environ,
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        self.folder = folder

    def open(self):
        self.program = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", PROGRAM, str(self.folder), *self.sources],
            env=self.environment,
        )
        self.window = until(
            lambda: self.do("search", "--onlyvisible", "--name", "posestream$"), **PATIENCE
        )
        self.focus()

    def do(self, *words):
        done = subprocess.run(
            ["xdotool", *words], env=self.environment, capture_output=True, text=True
        )
        return done.stdout.split("\n")[0].strip()

    def focus(self):
        self.do("windowfocus", "--sync", self.window)

    def begin(self):
        """Open the window and click into it."""
        self.open()
        self.do("mousemove", "500", "400", "click", "1")
        self.focus()

    def watch(self):
        """Begin, and go on until there is a picture: only then is a screenshot saved."""
        self.begin()

        def screenshots():
            self.press("s")
            return sorted(self.folder.rglob("screenshot*.png"))

        until(screenshots, **PATIENCE)

    def press(self, *keys):
        self.do("key", "--delay", "60", *keys)


def test_a_person_watches_takes_a_screenshot_and_quits(display, tmp_path):
    person = Person(display, tmp_path)
    person.watch()
    person.press("t")
    person.press("space", "period", "period", "0", "plus", "minus", "1", "2")
    person.press("ctrl+q")
    assert person.program.wait(30) == 0
    (store,) = (tmp_path / "posestream").glob("live.*")
    kept = ConfigParser(interpolation=None)
    kept.read(store)
    assert kept["General"]["theme"] == "light"


def test_two_cameras_of_one_name_are_recorded_and_one_leaves_before_the_window_is_closed(
    display, tmp_path
):
    with MjpegServer() as one, MjpegServer() as two:
        person = Person(display, tmp_path, one.url, two.url)
        person.watch()
        person.press("r")
        until(
            lambda: len([f for f in tmp_path.rglob("*overlay.mp4") if f.stat().st_size]) == 2,
            **PATIENCE,
        )
        person.press("m", "n", "ctrl+w")  # mirror, follow, remove the last source
        time.sleep(1)
        person.press("ctrl+q")
        assert person.program.wait(60) == 0
    for server in (one, two):
        (video,) = tmp_path.rglob(f"*{server.port}*overlay.mp4")
        with av.open(str(video)) as whole:
            times = [frame.time for frame in whole.decode(video=0)]
        (tracks,) = tmp_path.rglob(f"*{server.port}*.ndjson")
        lines = [json.loads(line) for line in tracks.read_text().splitlines()]
        frames, end = lines[1:-1], lines[-1]
        assert end["type"] == "end"
        assert end["frames"] == len(frames) == len(times) > 0
        assert end["people"] == sum(len(frame["people"]) for frame in frames)
        assert times == pytest.approx([frame["time"] for frame in frames], abs=1e-3)
        assert times[0] < 0.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_window_that_the_system_ends_completes_its_recording(display, tmp_path, number):
    person = Person(display, tmp_path)
    person.watch()
    person.press("t", "r")
    video = until(lambda: next(tmp_path.rglob("*overlay.mp4"), None), **PATIENCE)
    time.sleep(1)
    person.program.send_signal(number)
    assert person.program.wait(60) == 0
    end = json.loads(next(tmp_path.rglob("*.ndjson")).read_text().splitlines()[-1])
    assert end["type"] == "end"
    with av.open(str(video)) as whole:
        assert sum(1 for _ in whole.decode(video=0)) == end["frames"] > 0
    assert "theme=light" in next((tmp_path / "posestream").glob("live.*")).read_text()


def test_a_second_start_remembers_the_first(display, tmp_path):
    person = Person(display, tmp_path)
    for _ in range(2):
        person.begin()
        person.press("t")
        person.press("ctrl+q")
        assert person.program.wait(30) == 0
    text = next((tmp_path / "posestream").glob("live.*")).read_text()
    assert "theme=dark" in text
    assert "geometry=" in text
