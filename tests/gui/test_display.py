"""Where no window can be opened, a sentence says why."""

import os
import socket
import subprocess
import sys

import pytest

from app.gui.display import check_display
from engine.errors import PoseError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 is Linux's")


def test_no_display_is_a_sentence():
    with pytest.raises(PoseError, match="--headless"):
        check_display({})


@pytest.mark.parametrize("display", [":987", "nonsense", "localhost:53211"])
def test_a_display_that_does_not_answer_is_a_sentence(display):
    with pytest.raises(PoseError, match="does not answer"):
        check_display({"DISPLAY": display})


def test_offscreen_and_wayland_need_no_x_server():
    check_display({"QT_QPA_PLATFORM": "offscreen"})
    check_display({"WAYLAND_DISPLAY": "wayland-0"})


def test_a_display_elsewhere_is_asked_over_the_network(monkeypatch):
    asked = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address))
    check_display({"DISPLAY": "desk:2.0"})
    assert asked == [("desk", 6002)]


def test_no_fonts_are_a_sentence(tmp_path):
    none = tmp_path / "fonts.conf"
    none.write_text(f"<fontconfig><dir>{tmp_path}</dir></fontconfig>")
    done = subprocess.run(
        [sys.executable, "-m", "posestream", "live"],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "FONTCONFIG_FILE": str(none)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("posestream: no font is installed")
