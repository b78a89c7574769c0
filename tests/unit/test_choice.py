"""`engine.weights = auto` and the profiles: what suits the machine, and what is worth fetching."""

import pytest

from engine.network import choice
from engine.network.choice import better_weights, own_input_size, resolved
from engine.settings import EngineSettings, Settings, load_settings
from tests.support.fresh_python import loaded_after
from tests.support.tiny_checkpoint import tiny_checkpoint

BUNDLED = next(e.name for e in choice.registry().values() if e.layout == "native")


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """Puts checkpoints of these names on the disk; they are not opened here."""
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("engine.network.registry.cache_folder", lambda: tmp_path)

    def put(*names):
        for name in names:
            (tmp_path / f"{name}.safetensors").touch()

    return put


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(choice, "finds_gpu", lambda device: device != "cpu")


def weights_for(rates=None, **engine):
    """What auto becomes where these checkpoints run at these rates."""
    settings = Settings(engine=EngineSettings(**engine))
    return resolved(settings, rate=lambda e: (rates or {})[e.weights]).engine.weights


def test_with_nothing_else_here_it_is_the_bundled_one(on_disk):
    assert weights_for() == BUNDLED
    assert weights_for(device="cpu") == BUNDLED


def test_on_a_gpu_it_is_w32_512_where_that_is_here(on_disk, gpu):
    assert weights_for() == BUNDLED
    on_disk("w48-512")
    assert weights_for() == "w48-512"
    on_disk("w32-512")
    assert weights_for() == "w32-512"


def test_on_a_cpu_it_is_the_most_accurate_that_keeps_the_rate(on_disk):
    on_disk("w32-512", "w32-640", "w48-512")
    rates = {"w32-512": 12.0, "w32-640": 8.0, "w48-512": 5.0}
    assert weights_for(rates) == "w32-512"
    assert weights_for(rates, wanted_rate=6.0) == "w32-640"
    assert weights_for(rates, wanted_rate=20.0) == BUNDLED


def test_the_search_ends_at_the_first_that_is_too_slow(on_disk):
    on_disk("w32-512", "w48-512")
    assert weights_for({"w32-512": 1.0}) == BUNDLED  # w48-512 was not asked for


def test_what_the_user_names_is_taken(on_disk):
    on_disk("w32-512")
    assert weights_for(weights="w48-512") == "w48-512"


def test_a_better_checkpoint_is_offered_with_size_accuracy_and_command(on_disk, gpu):
    advice = better_weights()
    assert (advice.name, advice.ap, advice.megabytes) == ("w32-512", 0.677, 115)
    line = "w32-512 is more accurate: COCO AP 67.7 as published, 115 MB; get it with: "
    assert str(advice) == line + "posestream weights fetch w32-512"
    assert "slower on a CPU" in str(better_weights("cpu"))


def test_nothing_is_offered_to_who_has_it_or_chose_otherwise(on_disk):
    assert better_weights(weights="compact") is None
    on_disk("w48-512")
    assert better_weights() is None


def test_balanced_changes_nothing():
    settings = load_settings(changes=("engine.weights=w32-512",))
    assert resolved(settings) == settings


def test_accurate_adds_the_mirrored_pass_unless_the_user_says_no():
    chosen = ("engine.weights=w32-512", "engine.profile=accurate")
    assert resolved(load_settings(changes=chosen)).engine.flip
    assert not resolved(load_settings(changes=(*chosen, "engine.flip=false"))).engine.flip


def test_fast_is_a_smaller_input_in_int8(monkeypatch):
    chosen = ("engine.weights=w32-512", "engine.profile=fast", "engine.device=cpu")
    engine = resolved(load_settings(changes=chosen)).engine
    assert (engine.input_size, engine.precision) == (384, "int8")
    own = resolved(load_settings(changes=(*chosen, "engine.input_size=512"))).engine
    assert own.input_size == 512
    torch = resolved(load_settings(changes=(*chosen, "engine.runtime=torch"))).engine
    assert torch.precision == "auto"
    monkeypatch.setattr(choice.importlib.util, "find_spec", lambda name: None)
    assert resolved(load_settings(changes=chosen)).engine.precision == "auto"


def test_resolving_twice_changes_nothing_more():
    once = resolved(load_settings(changes=("engine.profile=fast", "engine.device=cpu")))
    assert resolved(once) == once


def test_the_input_size_of_a_file_is_read_without_loading_it(tmp_path):
    assert own_input_size(str(tiny_checkpoint(tmp_path / "tiny.safetensors"))) == 64
    assert own_input_size("w32-640") == 640
    assert own_input_size("nothing.pth") == 512


def test_a_rate_is_measured_once(tmp_path, monkeypatch):
    monkeypatch.setattr(choice.platformdirs, "user_cache_path", lambda name: tmp_path)
    asked = []
    monkeypatch.setattr(choice, "_measure", lambda engine: asked.append(engine) or 12.5)
    engine = EngineSettings(weights=BUNDLED)
    assert [choice.measured_rate(engine) for _ in range(2)] == [12.5, 12.5]
    assert len(asked) == 1
    choice.measured_rate(engine.model_copy(update={"flip": True}))
    assert len(asked) == 2


def test_choosing_needs_no_torch_where_there_is_nothing_to_measure():
    code = (
        "from engine.network.choice import better_weights, resolved\n"
        "from engine.settings import load_settings\n"
        "resolved(load_settings(changes=('engine.device=cpu',))); better_weights('cpu')"
    )
    assert loaded_after(code, "torch") == []
