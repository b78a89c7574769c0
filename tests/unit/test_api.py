"""The library's front door."""

import os
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from engine.api import load_settings, process, record
from engine.errors import SourceError
from tests.support.clips import number_of, write_clip
from tests.support.fresh_python import loaded_after, run_code
from tests.support.walkers_estimator import Walkers


@contextmanager
def stand_in(settings):
    yield Walkers()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 50)


def test_importing_it_loads_neither_torch_nor_qt_nor_a_decoder():
    heavy = ("torch", "PyQt6", "av", "cv2", "scipy")
    assert loaded_after("import engine.api", *heavy) == []


def test_every_frame_comes_with_its_picture_and_its_people(clip):
    results = list(process(clip, open_estimator=stand_in))
    assert [number_of(r.frame.pixels) for r in results] == list(range(50))
    assert {i for r in results[5:] for i in r.poses.ids.tolist()} == {0, 1, 2}


def test_leaving_the_loop_early_stops_the_threads(clip):
    before = threading.active_count()
    results = process(clip, open_estimator=stand_in)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_a_recording_is_the_same_people_as_arrays(clip):
    whole = record(clip, open_estimator=stand_in)
    results = list(process(clip, open_estimator=stand_in))
    assert whole.index.tolist() == list(range(50))
    assert whole.size == (192, 96)
    assert np.array_equal(whole.people.ids, np.concatenate([r.poses.ids for r in results]))


def test_settings_choose_what_is_done_with_a_recording(clip):
    settings = load_settings(changes=("offline.fill_gaps=0.5",))
    plain = record(clip, open_estimator=stand_in)
    filled = record(clip, settings, open_estimator=stand_in)
    assert len(filled.people) > len(plain.people)


def test_what_cannot_be_opened_is_an_error_on_the_first_result():
    results = process("nothing-here.mp4", open_estimator=stand_in)
    with pytest.raises(SourceError, match="nothing-here"):
        next(results)


@pytest.mark.parametrize("room", ["engine.api", "engine.network.weights", "app.cli"])
def test_the_networks_threads_do_not_spin_wherever_torch_is_loaded(room):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OMP_WAIT")}
    environment["OMP_DISPLAY_ENV"] = "true"  # the runtime prints what it read
    code = f"import {room}, torch; torch.rand(9, 9) @ torch.rand(9, 9)"
    _, printed = run_code(code, environment=environment)
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in printed
