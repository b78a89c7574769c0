"""Without a window: one line for a bad source, the others go on, exit code 1 at the end."""

import json
from functools import partial

import pytest

import app.live.session
from app.cli import main
from app.live.session import LiveSession
from tests.support.live_fakes import Bench
from tests.support.stream_servers import picture

GOOD = "lavfi:testsrc2=size=64x48:rate=50:duration=0.3"


@pytest.fixture
def headless(monkeypatch, tmp_path, capsys):
    """Runs `live --headless`: its exit code, its messages and its lines."""

    def run(*arguments):
        out = tmp_path / "out.ndjson"
        with pytest.raises(SystemExit) as ended:
            main(["live", "--headless", "--out", str(out), *arguments])
        said = capsys.readouterr().err.splitlines()
        return ended.value.code, said, [json.loads(line) for line in out.read_text().splitlines()]

    fake = partial(LiveSession, open_estimator=Bench()._open)
    monkeypatch.setattr(app.live.session, "LiveSession", fake)
    return run


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("camera:nope", "no camera is called 'nope' (cameras found: none)"),
        ("nowhere.mp4", "there is no file nowhere.mp4"),
    ],
)
def test_one_bad_source_is_one_line_and_the_others_go_on(headless, bad, why):
    code, said, lines = headless(bad, GOOD)
    assert code == 1
    assert said.count(f"posestream: {why}") == 1
    assert said[-1] == f"posestream: 1 of 2 sources failed: {bad}"
    assert {line["source"] for line in lines} == {GOOD}
    assert lines[-1]["type"] == "end"
    assert "error" not in lines[-1]


def test_the_only_source_is_said_once(headless):
    code, said, lines = headless("nowhere.mp4")
    assert (code, said, lines) == (1, ["posestream: there is no file nowhere.mp4"], [])


def test_a_source_that_fails_after_its_first_frames_has_why_in_its_last_line(headless, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "1.jpg").write_bytes(picture(0, (64, 48)))
    (pictures / "2.jpg").write_bytes(b"no picture")
    code, said, lines = headless(str(pictures), GOOD, "--fast")
    assert code == 1
    assert said[-1].startswith("posestream: 1 of 2 sources failed")
    ends = {line["source"]: line.get("error", "") for line in lines if line["type"] == "end"}
    assert "2.jpg" in ends.pop(str(pictures))
    assert ends == {GOOD: ""}


def test_good_sources_end_with_success(headless):
    code, _, lines = headless(GOOD, "--fast")
    assert code == 0
    assert lines[-1]["frames"] == 15
