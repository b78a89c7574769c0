"""Training learns, resumes exactly, and leaves files that load."""

import multiprocessing
import pickle

import numpy as np
import pytest
import torch

from engine.errors import WeightsError
from engine.network.higher_hrnet import HigherHRNet
from engine.network.weights import load_checkpoint
from engine.skeleton import skeleton_from_names
from engine.training.augment import Views
from engine.training.checkpoint import export, load_state, save_state
from engine.training.dataset import Batches, Phase
from engine.training.loop import Recipe, Trainer, prepared, resume, train
from engine.training.start import initialise
from tests.support.train_dots import NAMES, sizes, write_data

pytestmark = pytest.mark.usefixtures("one_thread")


def trainer_for(data, *, steps, batch=2, **recipe):
    phases = [Phase(steps, batch, ((64, 64),), Views(scene=0.5, rotation=10))]
    network = initialise(HigherHRNet(sizes(keypoints=3)), seed=1)
    options = {"warm_up": 5, "learning_rate": 5e-3, "save_every": 4, "report_every": 2} | recipe
    return Trainer(network, Batches([data], phases), Recipe(**options), torch.device("cpu"))


def weights_of(trainer):
    return [*trainer.network.state_dict().values(), *trainer.averaged.state_dict().values()]


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path)


def test_a_resumed_run_ends_with_the_same_bits_as_an_uninterrupted_one(data, tmp_path):
    straight = trainer_for(data, steps=8)
    train(straight, tmp_path / "straight")

    class Stop(Exception):
        """The power cut."""

    def cut(trainer):
        raise Stop

    broken = trainer_for(data, steps=8)
    with pytest.raises(Stop):
        train(broken, tmp_path / "broken", saved=cut)
    again = trainer_for(data, steps=8)
    resume(again, tmp_path / "broken")
    assert again.step == 4
    train(again, tmp_path / "broken")
    for one, other in zip(weights_of(straight), weights_of(again), strict=True):
        assert torch.equal(one, other)


def test_worker_processes_prepare_the_same_batches(data, tmp_path):
    here, elsewhere = trainer_for(data, steps=3), trainer_for(data, steps=3)
    train(here, tmp_path)
    train(elsewhere, tmp_path, workers=1)
    for one, other in zip(weights_of(here), weights_of(elsewhere), strict=True):
        assert torch.equal(one, other)


def test_two_pictures_are_learned_by_heart(data, tmp_path):
    reports = []
    learner = trainer_for(data, steps=80, report_every=10)
    train(learner, tmp_path, report=reports.append)
    first, last = reports[0].losses, reports[-1].losses
    assert last["low"] < 0.5 * first["low"]
    assert last["high"] < 0.5 * first["high"]


def test_progress_reports_say_step_losses_and_speed(data, tmp_path):
    lines = []
    train(trainer_for(data, steps=4), tmp_path, report=lambda progress: lines.append(str(progress)))
    assert [line.split()[1] for line in lines] == ["2/4", "4/4"]
    assert all(word in lines[0] for word in ("low ", "high ", "push ", "pull ", "views/s"))


def test_the_rate_rises_stays_and_falls_to_nothing(data):
    trainer = trainer_for(data, steps=100, warm_up=10, cool_down=0.4, learning_rate=1.0)
    rates = [trainer.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:60] == [1.0] * 51
    assert rates[80] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(1 / 40)


def test_the_average_follows_the_weights_norms_included(data, tmp_path):
    trainer = trainer_for(data, steps=3, average=0.0)
    train(trainer, tmp_path)
    for one, other in zip(
        trainer.network.state_dict().values(), trainer.averaged.state_dict().values(), strict=True
    ):
        if one.is_floating_point():
            assert torch.allclose(one, other)


def test_an_exported_file_loads_with_all_it_says_and_answers_nearly_the_same(tmp_path):
    network = initialise(HigherHRNet(sizes(keypoints=3)), seed=2)
    file = tmp_path / "deep" / "tiny.safetensors"
    skeleton = skeleton_from_names(NAMES, [(0, 2)])
    export(file, network, name="tiny", skeleton=skeleton, input_size=64, trained="never")
    found = load_checkpoint(file)
    assert (found.network_name, found.sizes, found.input_size) == ("tiny", sizes(keypoints=3), 64)
    assert found.skeleton == skeleton
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32))
    with torch.no_grad():
        for one, other in zip(network.eval()(x), found.network(x), strict=True):
            assert (one - other).abs().max() < 0.01 * one.abs().max()


def test_a_missing_or_damaged_state_is_one_clear_error(tmp_path):
    with pytest.raises(WeightsError, match="no training state to resume from"):
        load_state(tmp_path / "state.pt")
    save_state(tmp_path / "state.pt", {"step": 3, "x": torch.zeros(1000)})
    whole = (tmp_path / "state.pt").read_bytes()
    (tmp_path / "state.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="damaged"):
        load_state(tmp_path / "state.pt")


def test_workers_are_forked_whatever_the_systems_default_is(tmp_path, monkeypatch):
    batches = trainer_for(write_data(tmp_path), steps=4).batches
    loader = prepared(batches, range(4), workers=1)
    method = loader.multiprocessing_context.get_start_method()
    assert method == ("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    assert prepared(batches, range(4), workers=0).multiprocessing_context is None


def test_spawned_workers_would_get_the_same_batches_and_no_decoded_pictures(tmp_path):
    batches = trainer_for(write_data(tmp_path), steps=4).batches
    batches.preload()
    copied = pickle.loads(pickle.dumps(batches))
    assert batches._cache
    assert not copied._cache
    assert torch.equal(copied[2].pixels, batches[2].pixels)
