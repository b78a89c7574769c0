"""The commands of the README and the guides, run as they are written, on small inputs.

The quick starts are run in order by test_quick_starts.py, the tutorial by test_tutorial.py. Here a
command has a folder of its own with everything that the pages name, so none depends on another.
"""

import itertools
import shutil
from dataclasses import replace

import numpy as np
import pytest

import assets
from app import cli
from app.evaluation.run import evaluate
from app.tracks.table import FORMATS, open_writer
from engine.types import Poses
from tests.support import eval_scenes
from tests.support.documentation import ROOT, commands, words_of
from tests.support.short_clip import write_short_clip
from tests.support.tracks import write_all
from tests.support.walking import HEADER, walking

FRAMES = 12
TRACKED = (3, 5, 7, 9)  # the ids that pages speak of
ELSEWHERE = ("docs/start/", "docs/tutorial-training.md")

# What cannot run here or takes too long, by how the line begins, and why.
NOT_HERE = {
    "live": "needs a window, a camera or a stream; test_live_session.py runs `live --headless`",
    "weights fetch": "downloads a published checkpoint",
    "weights import": "needs a published checkpoint; test_fetch.py imports small ones",
    "data fetch": "downloads COCO",
    "eval --data": "needs COCO; test_eval.py runs it on a small data set",
    "eval --parity": "needs COCO; test_evaluate_side_by_side.py runs it on a small data set",
    "export": "needs a published checkpoint; test_export.py exports a small one",
    "process clip.mp4 -o out --weights w32-512": "needs a published checkpoint",
    "process clip.mp4 --weights w32-512": "needs a published checkpoint",
    "process clip.mp4 --set engine.precision=int8": "quantizes, as test_runtimes.py does",
    "process s3://": "needs a store; test_stored_s3.py runs one",
    "process lecture.mp4": "starts Ray, which test_ray.py does",
    "bench": "takes minutes; test_bench_command.py runs it on a small network",
    "train": "takes minutes; test_tutorial.py trains",
    "--install-completion": "changes the user's shell",
}
# What stands in a sentence as the name of a command, not as one to type.
NAMES = {"edit", "eval", "bench", "process --cluster", "live --headless"}


def _asked() -> list[str]:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    here = [p for p in pages if not p.relative_to(ROOT).as_posix().startswith(ELSEWHERE)]
    lines = itertools.chain.from_iterable(map(commands, here))
    return sorted({line.partition("#")[0].strip().removeprefix("posestream ") for line in lines})


def _reason(line: str) -> str | None:
    return next((key for key in NOT_HERE if f"{line} ".startswith(key)), None)


LINES = [line for line in _asked() if line not in NAMES]
RUN = [line for line in LINES if not _reason(line)]


def test_every_exception_is_one_of_a_command_that_is_documented():
    assert {_reason(line) for line in LINES} - {None} == set(NOT_HERE)
    assert set(_asked()) >= NAMES
    assert len(RUN) > 20


@pytest.mark.parametrize("line", RUN)
def test_a_documented_command_runs_as_it_is_written(line, prepared, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(prepared, tmp_path / "here")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))  # not the settings of who runs the tests
    words = [word for word in words_of(f"posestream {line}") if not word.startswith("[")]
    if line.startswith(("edit log", "edit undo")):
        assert run(["edit", "drop", "NAME.ndjson", "7"]) == 0  # to be shown, to be taken back
    code = run(["compact" if word == "NAME" else word for word in words])
    assert code == 0, capsys.readouterr().err


def run(words):
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    return end.value.code or 0


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with every file that a page names."""
    folder = tmp_path_factory.mktemp("reader")
    write_short_clip(folder / "clip.mp4", FRAMES)
    for name in ("cam1.mp4", "cam2.mp4", "cam3.mp4", "cam4.mp4", "recordings/a.mp4"):
        _copy(folder / "clip.mp4", folder / name)
    _copy(folder / "clip.mp4", folder / "assets/demo/people.mp4")
    _tracks(folder)
    _data_sets(folder)
    compact = assets.path("weights/compact.safetensors")
    for name in ("my.safetensors", "runs/hands/weights.safetensors"):
        _copy(compact, folder / name)
    return folder


def _tracks(folder):
    """Tracks with the ids and times of the pages; the edits of OTHER can be applied to NAME."""
    (folder / "out").mkdir()
    for name in ("clip", "NAME", "OTHER"):
        write_all([open_writer(FORMATS["ndjson"], folder / f"{name}.ndjson", HEADER)], _walk())
    assert run(["edit", "rename", str(folder / "OTHER.ndjson"), "9", "90"]) == 0
    _copy(folder / "clip.ndjson", folder / "out/clip.ndjson")


def _walk():
    """Four people for 25 seconds."""
    ids = np.array(TRACKED, np.int32)
    for result in walking(25 * 5):
        two = result.poses
        xy, raw = (np.concatenate((a, a + 20)) for a in (two.xy, two.raw_xy))
        joints, state = (np.tile(a, (2, 1)) for a in (two.joint_score, two.state))
        people = Poses(xy, joints, np.tile(two.score, 2), ids, state, raw)
        yield replace(
            result, frame=replace(result.frame, time=result.frame.index / 5), poses=people
        )


def _data_sets(folder):
    content = eval_scenes.two_people_each(2)
    eval_scenes.save(folder / "photos", content)
    shutil.copytree(folder / "photos", folder / "pictures")
    for name in ("people.json", "hands.json", "held-out.json"):
        _copy(folder / "photos/people.json", folder / name)
    for name, shift in (("a", 7.0), ("b", 0.0)):
        known = eval_scenes.opener(eval_scenes.Knowing(content, shift=shift))
        evaluate(eval_scenes.job(folder, content, name, known))


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
