"""Several inputs at once, in processes of their own."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.process.batch import process_files
from engine.errors import SettingsError
from engine.settings import load_settings
from tests.support.clips import write_clip
from tests.support.folders import contents
from tests.support.walkers_estimator import Walkers, process


@contextmanager
def walkers(settings):
    yield Walkers()


@contextmanager
def deadly(settings):
    """Kills its process at the tenth frame of clips of twenty."""

    class Deadly(Walkers):
        def collect(self, ticket):
            if settings.display.thickness == 2.0 and ticket[0].size == (192, 64):
                os._exit(9)
            return super().collect(ticket)

    yield Deadly()


@contextmanager
def on_cuda(settings):
    engine = Walkers()
    engine.device.name = "cuda:0 (stand-in)"
    yield engine


def at_once(inputs, out, opener=walkers, changes=()):
    texts = [str(path) for path in inputs]
    settings = load_settings(changes=changes)
    return process_files(texts, out, settings, workers=2, open_estimator=opener)


def test_the_files_are_the_same_as_one_after_the_other(tmp_path):
    clips = [write_clip(tmp_path / f"{name}.mp4", 30 + 10 * n) for n, name in enumerate("abc")]
    summary = at_once(clips, tmp_path / "two")
    assert summary.exit_code == 0
    assert sorted(r.frames for r in summary.reports) == [30, 40, 50]
    process(clips, tmp_path / "one")
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_a_bad_file_and_a_worker_that_dies_do_not_stop_the_others(tmp_path):
    clips = [write_clip(tmp_path / f"{name}.mp4", 30) for name in "ab"]
    killer = write_clip(tmp_path / "killer.mp4", 30, size=(192, 64))
    (tmp_path / "letter.mp4").write_text("Dear Sir or Madam")
    inputs = [clips[0], tmp_path / "letter.mp4", killer, clips[1]]
    summary = at_once(inputs, tmp_path / "out", deadly, ("display.thickness=2.0",))
    errors = {Path(r.source).name: r.error for r in summary.reports}
    assert summary.exit_code == 1
    assert errors["a.mp4"] is None
    assert errors["b.mp4"] is None
    assert "not a video" in errors["letter.mp4"]
    assert "died twice" in errors["killer.mp4"]


def test_workers_are_refused_on_a_gpu(tmp_path):
    clips = [write_clip(tmp_path / f"{name}.mp4", 3) for name in "ab"]
    with pytest.raises(SettingsError, match="one engine keeps cuda:0"):
        at_once(clips, tmp_path / "out", on_cuda)
