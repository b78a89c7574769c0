"""Where no window can be opened, a sentence says why."""

import socket
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
