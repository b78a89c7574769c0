"""What the live window offers is what the registry and this machine hold."""

from app.live.offer import offer
from app.live.offered import Better
from engine.network.registry import registry


def test_every_model_comes_with_the_accuracy_that_was_measured_of_it():
    models = {model.name: model for model in offer().models}
    for name, entry in registry().items():
        measured = entry.single_scale or entry.dev
        assert models[name].ap == (measured.AP if measured else None)


def test_an_accuracy_of_our_own_is_not_passed_off_as_the_published_one():
    models = {model.name: model for model in offer().models}
    assert "by this project" in models["compact"].ap_of
    assert "published" in models["w32-512"].ap_of


def test_the_bundled_model_is_here_and_the_demo_clip_is_offered():
    found = offer()
    assert next(model for model in found.models if model.name == "compact").present
    assert found.demo is not None


def test_the_better_model_is_that_of_the_advice(monkeypatch):
    from engine.network import choice

    asked = []
    advice = choice.Advice("w32-512", 0.671, 110, on_gpu=True, command="posestream weights fetch")
    monkeypatch.setattr(choice, "better_weights", lambda *given: asked.append(given) or advice)
    assert offer().better("cuda", "auto") == Better("w32-512", 0.671, 110, on_gpu=True)
    assert asked == [("cuda", "auto")]
    monkeypatch.setattr(choice, "better_weights", lambda *given: None)
    assert offer().better("cpu", "compact") is None
