"""The notes of a run: every step once, also after it was killed; curves that TensorBoard reads."""

import json
import sys

import pytest

from app import cli
from engine.training.logs import RunLog
from engine.training.loop import Progress


def progress(step, low=0.5):
    losses = {"low": low, "high": 0.6, "push": 0.1, "pull": 0.2}
    return Progress(step=step, steps=9, losses=losses, rate=1e-3, views_per_second=12.5)


def notes(folder):
    return [json.loads(line) for line in (folder / "progress.ndjson").read_text().splitlines()]


def test_losses_and_accuracy_become_lines(tmp_path):
    log = RunLog(tmp_path)
    log.progress(progress(2))
    log.accuracy(2, 0.25, "the dev split")
    log.close()
    first, second = notes(tmp_path)
    assert (first["step"], first["losses"]["low"], first["rate"]) == (2, 0.5, 1e-3)
    assert second == {"step": 2, "ap": 0.25, "images": "the dev split"}


def test_a_resumed_run_takes_back_what_came_after_its_last_saved_step(tmp_path):
    log = RunLog(tmp_path)
    for step in (2, 4, 6):
        log.progress(progress(step, low=1.0))
    log.close()
    with (tmp_path / "progress.ndjson").open("a") as file:
        file.write('{"step": 8, "lo')  # killed in the middle of a line
    again = RunLog(tmp_path, step=4)
    again.progress(progress(6, low=0.3))
    assert [(note["step"], note["losses"]["low"]) for note in notes(tmp_path)] == [
        (2, 1.0),
        (4, 1.0),
        (6, 0.3),
    ]


def test_a_new_run_does_not_go_on_with_old_notes(tmp_path):
    RunLog(tmp_path).progress(progress(2))
    RunLog(tmp_path)
    assert notes(tmp_path) == []


def test_tensorboard_reads_the_curves_and_forgets_what_was_taken_back(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = tmp_path / "curves"
    log = RunLog(tmp_path, curves=curves)
    log.progress(progress(2))
    log.progress(progress(4, low=1.0))
    log.close()
    log = RunLog(tmp_path, step=2, curves=curves)
    log.progress(progress(4, low=0.25))
    log.accuracy(4, 0.125, "dev")
    log.close()
    read = EventAccumulator(str(curves))
    read.Reload()
    tags = {f"loss/{name}" for name in ("low", "high", "push", "pull")}
    assert set(read.Tags()["scalars"]) == tags | {"learning rate", "views per second", "dev/AP"}
    assert [(event.step, event.value) for event in read.Scalars("loss/low")] == [
        (2, 0.5),
        (4, 0.25),
    ]
    assert read.Scalars("dev/AP")[0].value == 0.125


def test_without_tensorboard_only_asking_for_curves_fails_and_says_what_to_install(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    RunLog(tmp_path).close()

    def command():
        sys.modules.pop("torch.utils.tensorboard")
        RunLog(tmp_path, curves=tmp_path / "curves")

    monkeypatch.setitem(cli.COMMANDS, "train", (__name__, "command", ""))
    monkeypatch.setattr(sys.modules[__name__], "command", command, raising=False)
    with pytest.raises(SystemExit, match="1"):
        cli.main(["train"])
    assert "this needs tensorboard: pip install 'posestream[train]'" in capsys.readouterr().err
