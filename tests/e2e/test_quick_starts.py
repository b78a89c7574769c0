"""The quick starts of the documentation, run as they are written, on a second of the demo clip."""

import json

import pytest

from app import cli
from tests.support.documentation import ROOT, commands, words_of
from tests.support.short_clip import write_short_clip

FRAMES = 36
# These need a camera, a window, the network or a data set; test_docs.py checks their options.
NOT_HERE = ("live 0", "live\n", "weights fetch", "data fetch", "eval --data")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with clip.mp4 and images/, as a reader would have them."""
    folder = tmp_path_factory.mktemp("reader")
    write_short_clip(folder / "clip.mp4", FRAMES, folder / "images")
    return folder


@pytest.mark.parametrize("page", ["coach", "developer", "biomechanist", "researcher", "artist"])
def test_a_quick_start_runs_as_it_is_written(page, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))  # not the settings of who runs the tests
    lines = [line for line in commands(ROOT / "docs/start" / f"{page}.md") if _can_run(line)]
    assert lines
    if any("c3d" in line for line in lines):
        pytest.importorskip("ezc3d", reason="needs pip install 'posestream[formats]'")
    for line in lines:
        with pytest.raises(SystemExit) as end:
            cli.main(words_of(line))
        assert not end.value.code, line
    RESULTS.get(page, lambda out: None)(folder / "out")


def angles_are_in_the_spreadsheet(out):
    assert "left_knee" in (out / "clip.angles.csv").read_text().splitlines()[0]


def results_load_in_pycocotools(out):
    from pycocotools.coco import COCO

    path = out / "images.coco.json"
    truth = COCO(str(path))
    assert [image["file_name"] for image in truth.dataset["images"]] == ["000000.jpg", "000010.jpg"]
    results = path.with_name("images.coco-results.json")
    assert json.loads(results.read_text())
    truth.loadRes(str(results))


RESULTS = {"coach": angles_are_in_the_spreadsheet, "researcher": results_load_in_pycocotools}


def _can_run(line: str) -> bool:
    rest = line.removeprefix("posestream ") + "\n"
    return not rest.startswith(NOT_HERE)
