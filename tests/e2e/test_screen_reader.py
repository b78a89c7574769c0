"""The real window as a screen reader gets it: through AT-SPI, in a D-Bus session of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clips import write_clip
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
READER = ROOT / "tests/support/screen_reader.py"
PYTHON = "/usr/bin/python3"  # the one that Debian's python3-gi belongs to
TRY = 'import gi; gi.require_version("Atspi", "2.0"); from gi.repository import Atspi'
# what a person can act on, as AT-SPI calls it
CONTROLS = {
    *("push button", "check box", "combo box", "slider", "spin button", "text", "tree", "list")
}
AGE = re.compile(r"\d+(\.\d+)? (ms|s) old · \d+ fps")
PATIENCE = {"seconds": 30.0, "pause": 0.1}


def missing():
    """Why no screen reader can be tried here; empty where one can."""
    tools = [t for t in ("Xvfb", "dbus-run-session", PYTHON) if shutil.which(t) is None]
    if tools:
        return f"needs {', '.join(tools)}"
    if not any(Path(folder, "at-spi-bus-launcher").exists() for folder in _FOLDERS):
        return "needs at-spi2-core"
    tried = subprocess.run([PYTHON, "-c", TRY], capture_output=True)
    return "needs python3-gi and gir1.2-atspi-2.0" if tried.returncode else ""


_FOLDERS = ("/usr/libexec", "/usr/lib/at-spi2-core")
pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


class Reader:
    """Asks `screen_reader.py`, which runs the window."""

    def __init__(self, display, folder, source):
        environment = {
            **os.environ,
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PYTHONPATH": str(ROOT),
        }
        window = [sys.executable, "-m", "tests.support.live_window", str(folder), str(source)]
        self.program = subprocess.Popen(
            ["dbus-run-session", "--", PYTHON, str(READER), *window],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **question):
        self.program.stdin.write(json.dumps(question) + "\n")
        self.program.stdin.flush()
        for line in self.program.stdout:
            word, _, rest = line.partition(" ")
            if word == "answer":  # services of the session write there as well
                return json.loads(rest)
        raise AssertionError("the window or its reader has ended")

    def all(self, role=None):
        """Every part that is not folded away, also where the sidebar must be scrolled to it."""
        parts = self.ask(ask="role", role=role) if role else self.ask(ask="all")
        return [part for part in parts if "VISIBLE" in part["states"]]

    def one(self, role, name):
        """The part of this role whose name, or label, begins like this."""
        return next(
            (p for p in self.all(role) if p["name"].startswith(name) or p["label"] == name), None
        )

    def press(self, role, name):
        assert self.ask(ask="press", role=role, name=name)

    def set(self, role, name, value):
        assert self.ask(ask="set", role=role, name=name, value=value)

    def close(self):
        self.program.stdin.close()
        self.program.wait(60)


@pytest.fixture
def reader(display, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", frames=90)
    opened = Reader(display, tmp_path, clip)
    try:
        until(lambda: opened.one("push button", "Pause"), **PATIENCE)
        for section in ("Recording", "Send", "Model", "Advanced", "Performance"):
            opened.press("check box", section)
        yield opened
    finally:
        opened.close()


def is_on(part):
    return "CHECKED" in part["states"]


def test_every_control_has_a_name_a_role_and_a_value_that_follows_it(reader):
    controls = [p for p in reader.all() if "FOCUSABLE" in p["states"] and p["role"] in CONTROLS]
    assert len(controls) > 50, "all of the window was read"
    unnamed = [p for p in controls if not (p["label"] or p["name"]).strip()]
    assert not unnamed
    combos = {p["label"]: p["name"] for p in controls if p["role"] == "combo box"}
    assert combos == {
        "Heatmap of": "no joint",
        "Weights": "Automatic",
        "Device": "Automatic",
        "Precision": "Automatic",
        "Speed": "1×",
    }, "each says what it is for and what is chosen"
    _switches_follow(reader)
    _numbers_follow(reader)
    _player_follows(reader)


def _switches_follow(reader):
    for name in ("Boxes", "Picture as it came", "Smooth joints"):
        before = is_on(reader.one("check box", name))
        reader.press("check box", name)
        until(lambda n=name, b=before: is_on(reader.one("check box", n)) is not b, **PATIENCE)


def _numbers_follow(reader):
    slider, number = "Line width: ", "Line width"
    assert reader.one("spin button", number)["text"] == "1.0 ×"
    assert reader.one("slider", slider)["name"] == "Line width: 1.0 ×"
    reader.set("spin button", number, 2.0)
    until(lambda: reader.one("slider", slider)["name"] == "Line width: 2.0 ×", **PATIENCE)
    moved = reader.one("slider", slider)
    assert moved["value"] == pytest.approx(20), "tenths, which is what the number shows"
    reader.set("slider", slider, 5)
    until(lambda: reader.one("spin button", number)["text"] == "0.5 ×", **PATIENCE)


def _player_follows(reader):
    def labels():
        return [part["name"] for part in reader.all("label")]

    def clock():
        return reader.one("text", "Time: type where to go")["text"]

    until(lambda: any(AGE.fullmatch(text) for text in labels()), **PATIENCE)
    before = clock()
    until(lambda: clock() != before, **PATIENCE)
    reader.press("push button", "Pause")
    until(lambda: reader.one("push button", "Play"), **PATIENCE)
    until(lambda: not any(AGE.fullmatch(text) for text in labels()), **PATIENCE)
    reader.set("slider", "Position: ", 0)
    until(lambda: reader.one("slider", "Position: 0:00.00"), **PATIENCE)
