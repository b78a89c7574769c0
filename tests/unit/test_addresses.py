"""What is a URL, and that no secret of one is ever shown."""

from types import SimpleNamespace

import pytest

from app.live.plan import Plan
from app.live.source_set import SourceSet
from engine.settings import Settings
from engine.sources.addresses import for_ffmpeg, is_url, printable, shown, stem_of

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://anna:s3cr3t@door/x",
        "rtsp://anna:p@s3cr3t@door/x",
        "rtsp://anna:p/s3cr3t@door/x",
        "rtsp://anna:p?s3cr3t@door/x",
        "RTSP://s3cr3t@door/x",
        "http://door/x?user=anna&pwd=s3cr3t",
        "http://door/x?loginpas=s3cr3t;channel=1",
        "srt://door:9000?passphrase=s3cr3t&latency=20",
        "rtsp://door:554/user=anna_password=s3cr3t_channel=1_stream=0.sdp",
        "rtmp://door/live/s3cr3t",
        "rtmps://door/app/instance/s3cr3t?s3cr3t99",
        "rtsps://door:7441/As3cr3t0123456?enableSrtp",
        "https://door/hls/0s3cr3t9AbCdEf/index.m3u8#s3cr3t",
        "cannot open rtsp://anna:s3cr3t@door/x: no route",
    ],
)
def test_no_secret_is_shown(address):
    assert SECRET not in shown(address)
    assert SECRET not in stem_of(address)
    assert "door" in shown(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://door/cam/clip_2026.mp4",
        "udp://@239.0.0.1:1234",
        "rtsp://[fe80::1]:554/h264",
        "http://door:8080/video?channel=1&resolution=640x480",
        "https://host/@walker/video.mp4",
        "clip.mp4",
        "lavfi:testsrc2=size=64x48:rate=5",
        "take: one.mp4",
    ],
)
def test_what_is_harmless_stays(address):
    assert shown(address) == address


def test_a_name_is_shown_printable_and_not_too_long():
    assert shown("a\udcffb\nc\x1b[31m") == "a�b�c�[31m"
    assert len(shown("x" * 5000)) < 300


def test_local_names_are_files_whatever_is_in_them():
    assert for_ffmpeg("take: one.mp4") == "file:take: one.mp4"
    assert for_ffmpeg("http://door/x") == "http://door/x"
    assert is_url("rtsp://door")
    assert not is_url("C:\\clip.mp4")


@pytest.mark.parametrize(
    ("address", "stem"),
    [
        ("http://door/cam/clip.mp4?x=1", "clip"),
        ("rtmp://door/live/key", "door"),
        ("http://[broken/x", "x"),
        ("folder/clip.mp4", "clip"),
    ],
)
def test_results_are_named_after_the_last_part(address, stem):
    assert stem_of(address) == stem


def test_two_live_sources_of_one_name_get_one_each():
    addresses = ("rtsp://a:1@door/x", "rtsp://b:2@door/x", "clip.mp4", "clip.mp4", "clip.mp4 (2)")
    plan = Plan(addresses, Settings())
    shown_as = "rtsp://***@door/x"
    assert plan.names[:3] == (shown_as, f"{shown_as} (2)", "clip.mp4")
    assert len(set(plan.names)) == 5
    opened = []

    def open_source(text, tell, *, name, **_):
        opened.append((text, name))
        return SimpleNamespace(name=name, info=None, inner=None)

    sources = SourceSet(plan, print, print, wanted=None, open_source=open_source)
    sources.open_all()
    assert opened == list(zip(addresses, plan.names, strict=True))
    assert [source.name for source in sources.sources] == list(plan.names)


def test_a_message_is_one_line_without_secrets():
    text = printable("a\nb \x1b[2J cannot open rtsp://u:s3cr3t@door/x; and more " + "x" * 500)
    assert "\n" not in text
    assert "\x1b" not in text
    assert SECRET not in text
    assert text.endswith("x" * 500)
