"""Cameras: found by number, path and name, asked for MJPG, lost with a sentence."""

import struct
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from engine.errors import SourceError
from engine.sources import camera, v4l2
from engine.sources.camera import CameraFound, CameraRequest, CameraSource, cameras, number_of

FOUND = [CameraFound("0", "Integrated Camera"), CameraFound("2", "Logitech BRIO")]


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("12", 12), ("/dev/video2", 2), ("camera:brio", 2), ("camera:Integrated", 0),
     ("clip.mp4", None), ("rtsp://camera:1/x", None)],
)  # fmt: skip
def test_a_camera_is_found_by_number_path_and_name(text, number):
    assert number_of(text, FOUND) == number


@pytest.mark.parametrize("text", ["/dev/videoX", "/dev/video", "/dev/video-1"])
def test_a_device_path_without_a_number_is_one_clear_line(text):
    with pytest.raises(SourceError, match=f"^{text} is not a camera"):
        number_of(text, FOUND)


def test_an_unknown_name_lists_the_cameras_there_are():
    with pytest.raises(SourceError, match="Integrated Camera, Logitech BRIO"):
        number_of("camera:nikon", FOUND)


class FakeCapture:
    """Takes what it is asked for, but never more than 640x480, and delivers `frames` pictures."""

    def __init__(self, frames=3):
        self.frames, self.asked, self.released = frames, [], False
        self._have = {cv2.CAP_PROP_FPS: 30.0}

    def isOpened(self):  # noqa: N802
        return True

    def read(self):
        if not self.frames:
            return False, None
        self.frames -= 1
        return True, np.full((2, 4, 3), (255, 0, 9), np.uint8)

    def get(self, prop):
        return self._have.get(prop, 0.0)

    def set(self, prop, value):
        self.asked.append(prop)
        least = {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480}
        self._have[prop] = min(value, least.get(prop, value))
        return True

    def release(self):
        self.released = True


def test_mjpg_is_asked_for_first_and_the_negotiated_mode_is_known():
    capture = FakeCapture()
    source = CameraSource(0, CameraRequest(1920, 1080, 30), open_camera=lambda number: capture)
    frame = next(frames := source.frames())
    assert capture.asked[0] == cv2.CAP_PROP_FOURCC
    assert source.info.size == (640, 480)
    assert source.info.codec == "MJPG"
    assert source.info.rate == 30.0
    assert frame.pixels[0, 0].tolist() == [9, 0, 255], "pixels are RGB"
    frames.close()
    assert capture.released


def test_an_unplugged_camera_is_a_sentence_after_its_last_picture():
    capture = FakeCapture(frames=2)
    source = CameraSource(3, name="front door", open_camera=lambda number: capture)
    seen = []
    with pytest.raises(SourceError, match=r"front door has stopped; was it unplugged\?"):
        seen.extend(iter(source.frames()))
    assert capture.released


def test_a_camera_that_cannot_be_opened_says_which_there_are(monkeypatch):
    monkeypatch.setattr(camera, "cameras", lambda: FOUND)
    source = CameraSource(7, open_camera=lambda number: None)
    with pytest.raises(SourceError, match=r"cannot open camera 7.*0 Integrated Camera"):
        list(source.frames())


def test_linux_lists_devices_in_the_order_of_their_numbers(tmp_path):
    for number, name in ((10, "ten"), (2, "two"), (0, "zero")):
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}" / "name").write_text(f"{name}\n")
    assert v4l2.devices(tmp_path) == [
        ("/dev/video0", "zero"), ("/dev/video2", "two"), ("/dev/video10", "ten")
    ]  # fmt: skip
    assert v4l2.devices(tmp_path / "none") == []


def driver(sizes, captures=True):
    """An ioctl that answers as the kernel would, for {coding: [(w, h, [rates])]}."""
    codings = list(sizes)

    def call(handle, request, data):
        number = request & 0xFF
        if number == 0:
            struct.pack_into("<II", data, 84, 0, 1 if captures else 2)
            return
        index, coding = struct.unpack_from("<II", data)
        letters = struct.pack("<I", coding).decode("latin1") if number != 2 else ""
        try:
            if number == 2:
                struct.pack_into("<4s", data, 44, codings[index].encode())
            elif number == 74:
                w, h, _ = sizes[letters][index]
                struct.pack_into("<III", data, 8, 1, w, h)
            else:
                w, h = struct.unpack_from("<II", data, 8)
                rates = next(r for a, b, r in sizes[letters] if (a, b) == (w, h))
                struct.pack_into("<III", data, 16, 1, 1, rates[index])
        except IndexError as error:
            raise OSError("no more") from error

    return call


def test_linux_lists_modes_with_mjpg_and_the_largest_first(tmp_path):
    device = tmp_path / "video0"
    device.touch()
    sizes = {"YUYV": [(640, 480, [30, 15]), (1280, 720, [10])], "MJPG": [(1280, 720, [30, 60])]}
    found = v4l2.modes(str(device), driver(sizes))
    assert [str(mode) for mode in found] == [
        "1280x720 at 60 fps, MJPG", "1280x720 at 10 fps, YUYV", "640x480 at 30 fps, YUYV"
    ]  # fmt: skip


def test_a_device_that_does_not_capture_is_no_camera(tmp_path):
    device = tmp_path / "video1"
    device.touch()
    assert v4l2.modes(str(device), driver({}, captures=False)) is None
    assert v4l2.modes(str(tmp_path / "gone")) is None


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_elsewhere_the_systems_own_list_names_the_cameras(monkeypatch, platform):
    listed = [SimpleNamespace(index=0, name="FaceTime HD"), SimpleNamespace(index=1, name="Brio")]
    asked = []
    fake = SimpleNamespace(enumerate_cameras=lambda backend: asked.append(backend) or listed)
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", fake)
    monkeypatch.setattr(sys, "platform", platform)
    assert [(c.source, c.name) for c in cameras()] == [("0", "FaceTime HD"), ("1", "Brio")]
    assert number_of("camera:brio") == 1
    assert len(asked) == 2
