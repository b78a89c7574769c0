"""`bench` measures a checkpoint it can load, also where the user names none."""

import app.bench.command as bench
from engine.network.weights import load_checkpoint


def test_without_a_name_the_plain_way_and_the_engine_measure_the_same_checkpoint(monkeypatch):
    measured = []
    monkeypatch.setattr(
        bench, "_engine_rows", lambda settings, clip: measured.append(settings) or []
    )
    for heavy in ("_scene_rows", "frame_rows"):
        monkeypatch.setattr(bench, heavy, lambda *_: [])
    monkeypatch.setattr("engine.network.choice.measured_rate", lambda engine: 100.0)
    report = bench.measure(bench.load_settings(None), str(bench.assets.path(bench.DEMO)), 2, None)
    assert report
    (settings,) = measured
    assert load_checkpoint(settings.engine.weights).name == settings.engine.weights
