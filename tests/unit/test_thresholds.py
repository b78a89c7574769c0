"""A checkpoint's own thresholds: used where the user set none, and never by eval."""

import json
from contextlib import closing, contextmanager

import pytest
import torch

from app.evaluation.command import paper_settings
from app.live.protocol import Ready
from app.process.batch import process_files
from app.weights import thresholds as listed
from engine.api import process
from engine.errors import WeightsError
from engine.network import storage
from engine.network.choice import suited
from engine.network.higher_hrnet import HigherHRNet
from engine.network.registry import registry, standard_folders
from engine.network.thresholds import (
    HEADER,
    Thresholds,
    few_joints,
    thresholds_of,
    with_thresholds,
)
from engine.settings import PAPER_GROUPING, GroupingSettings, Settings, load_settings
from engine.skeleton import skeleton_from_names
from tests.support.clips import write_clip
from tests.support.fresh_python import loaded_after
from tests.support.live_fakes import Bench
from tests.support.train_dots import sizes
from tests.support.walkers_estimator import Walkers

FOUND = Thresholds(min_score=0.33, min_joints=2, source="somewhere")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.safetensors"
    state = HigherHRNet(sizes(3)).state_dict()
    skeleton = skeleton_from_names(["a", "b", "c"])
    storage.write(
        path, state, network="tiny", sizes=sizes(3), skeleton=skeleton, input_size=64, trained="no"
    )
    return path


def keep(path, found):
    storage.add_notes(path, **{HEADER: found.model_dump_json(exclude_none=True)})


def test_thresholds_travel_in_the_file_and_leave_the_rest_of_it_alone(file):
    before, text = storage.read(file)
    assert thresholds_of(str(file)) == Thresholds()
    keep(file, FOUND)
    assert thresholds_of(str(file)) == FOUND
    after, now = storage.read(file)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert {key: value for key, value in now.items() if key != HEADER} == text


def test_a_name_finds_the_same_as_its_file(file, monkeypatch):
    keep(file, FOUND)
    monkeypatch.setenv("POSE_WEIGHTS", str(file.parent))
    assert thresholds_of("mine") == FOUND


def test_what_the_user_sets_wins_even_where_it_is_the_programs_default(file):
    keep(file, FOUND)
    usual = GroupingSettings().min_score
    weights = f"engine.weights={json.dumps(str(file))}"
    free = suited(load_settings(None, (weights,))).grouping
    assert (free.min_score, free.min_joints) == (0.33, 2)
    chosen = suited(load_settings(None, (weights, f"grouping.min_score={usual}"))).grouping
    assert (chosen.min_score, chosen.min_joints) == (usual, 2)


def test_what_nobody_measured_stays_the_programs(file):
    settings = load_settings(None, (f"engine.weights={json.dumps(str(file))}",))
    assert suited(settings) == settings
    assert thresholds_of("no such weights") == Thresholds()


def test_a_registered_checkpoint_has_those_of_its_row(monkeypatch):
    row = registry()["compact"].model_copy(update={"defaults": {"min_score": 0.4, "source": "x"}})
    monkeypatch.setitem(registry(), "compact", row)
    assert thresholds_of("compact") == Thresholds(min_score=0.4, source="x")
    assert any(line.startswith("compact: min_score 0.4 (x)") for line in listed(standard_folders()))


def test_every_row_of_the_table_has_usable_thresholds():
    for name, entry in registry().items():
        Thresholds.model_validate(entry.defaults or {})
        with_thresholds(load_settings(), thresholds_of(name))


def test_eval_keeps_the_papers_protocol(monkeypatch):
    row = registry()["compact"].model_copy(update={"defaults": {"min_score": 0.4}})
    monkeypatch.setitem(registry(), "compact", row)
    assert paper_settings(["engine.weights=compact"]).grouping == PAPER_GROUPING


def test_thresholds_that_cannot_be_used_are_one_clear_error(file):
    storage.add_notes(file, **{HEADER: '{"min_score": 7}'})
    with pytest.raises(WeightsError, match="header has no usable thresholds"):
        thresholds_of(str(file))


def test_a_skeleton_of_few_keypoints_does_not_need_four_of_them():
    assert few_joints(3).min_joints == 1
    assert few_joints(9).min_joints == 2
    assert few_joints(17) == Thresholds()


def test_reading_them_does_not_load_torch():
    code = (
        "from engine.network.choice import suited; "
        "from engine.settings import Settings; suited(Settings())"
    )
    assert loaded_after(code, "torch") == []


@pytest.fixture
def compact_has(monkeypatch):
    """Gives the default checkpoint a threshold of its own."""
    row = registry()["compact"].model_copy(update={"defaults": {"min_score": 0.4}})
    monkeypatch.setitem(registry(), "compact", row)


def test_process_and_the_library_use_them_and_say_so(compact_has, tmp_path):
    used = []

    @contextmanager
    def open_estimator(settings):
        used.append(settings)
        yield Walkers()

    clip = write_clip(tmp_path / "clip.mp4", 8)
    next(process(clip, open_estimator=open_estimator))
    process_files([str(clip)], tmp_path / "out", Settings(), open_estimator=open_estimator)
    assert [settings.grouping.min_score for settings in used] == [0.4, 0.4]
    header = json.loads((tmp_path / "out/clip.ndjson").read_text().splitlines()[0])
    assert header["settings"]["grouping"]["min_score"] == 0.4


def test_live_uses_them_until_somebody_moves_that_threshold(compact_has):
    bench = Bench()
    session = bench.stamped()
    seen = []
    changes = iter(("grouping.min_joints=2", "grouping.min_score=0.1"))
    with closing(session.results()) as results:
        for number, _ in enumerate(results):
            grouping = bench.estimators[0].grouping
            if number % 10 == 9:
                seen.append((grouping.min_score, grouping.min_joints))
                if (change := next(changes, None)) is None:
                    session.stop()
                else:
                    session.change(load_settings(None, (change,)))
    assert seen[:3] == [(0.4, 4), (0.4, 2), (0.1, 4)]
    (ready,) = (event for event in bench.events if isinstance(event, Ready))
    assert ready.suiting == {"min_score": 0.4}
