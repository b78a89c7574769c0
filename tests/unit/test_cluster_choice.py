"""Which commands go to a cluster, and what keeps them on this machine."""

import json
from contextlib import contextmanager

import pytest

pytest.importorskip("fsspec", reason="needs the extra `cluster`")

from rich.console import Console

import app.cluster.evaluation
import app.cluster.live
import app.cluster.process
import app.process.batch
from app.cli import main as run_command
from app.process import progress
from app.process.outcome import Outcome, Summary
from app.process.progress import Bars
from engine.errors import PoseError

EVAL = ["eval", "--annotations", "a.json", "--images", "."]
LIVE = ["live", "--headless", "--sources", "cameras.toml"]
PROCESS = ["process", "clip.mp4"]


def main(arguments):
    """Run the command; its exit code."""
    with pytest.raises(SystemExit) as ended:
        run_command(arguments)
    return ended.value.code


@pytest.fixture
def joined(monkeypatch):
    """The addresses that commands joined; "here" is this machine."""
    found = []

    def process_on_cluster(*_, address, **named):
        found.append(address)
        return Summary([Outcome("clip.mp4")])

    def process_files(*_, **named):
        found.append("here")
        return Summary([Outcome("clip.mp4")])

    @contextmanager
    def cluster_measure(address, *_):
        found.append(address)
        raise PoseError("seen")
        yield

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(app.cluster.process, "process_on_cluster", process_on_cluster)
    monkeypatch.setattr(app.process.batch, "process_files", process_files)
    monkeypatch.setattr(app.cluster.evaluation, "cluster_measure", cluster_measure)
    monkeypatch.setattr(
        app.cluster.live, "watch_on_cluster", lambda *_, address, **named: found.append(address)
    )
    return found


@pytest.mark.parametrize("arguments", [PROCESS, EVAL, LIVE], ids=["process", "eval", "live"])
def test_every_command_takes_the_address_of_the_option_or_of_the_variable(
    arguments, joined, monkeypatch
):
    main([*arguments, "--cluster", "10.0.0.5:6379"])
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.6:6379")
    main(arguments)
    main([*arguments, "--cluster", "local"])
    assert joined == ["10.0.0.5:6379", "10.0.0.6:6379", "local"]


@pytest.mark.parametrize("text", [None, ""])
def test_without_an_address_it_is_this_machine(text, joined, monkeypatch):
    if text is not None:
        monkeypatch.setenv("RAY_ADDRESS", text)
    main(PROCESS)
    assert joined == ["here"]


def test_an_option_for_this_machine_wins_over_the_variable(joined, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.6:6379")
    main([*PROCESS, "--workers", "2"])
    assert joined == ["here"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*PROCESS, "--workers", "2"], "--workers is for one machine"),
        ([*PROCESS, "-o", "-"], "-o - is for one machine"),
        ([*EVAL, "--parity", "torch,openvino"], "--parity is for one machine"),
        ([*EVAL, "--compare", "a.json", "b.json"], "--compare is for one machine"),
        (["live", "--headless", "0"], "streams on a cluster need"),
    ],
)
def test_an_option_for_this_machine_and_a_cluster_are_refused(arguments, message, joined, capsys):
    assert main([*arguments, "--cluster", "local"]) == 1
    assert message in capsys.readouterr().err
    assert joined == []


def test_streams_without_an_address_are_refused(joined, capsys):
    assert main(LIVE) == 1
    assert "--cluster or RAY_ADDRESS" in capsys.readouterr().err


def test_a_run_on_a_cluster_has_a_summary_as_json(joined, capsys):
    main([*PROCESS, "--cluster", "local", "--json"])
    assert json.loads(capsys.readouterr().out)["inputs"][0]["source"] == "clip.mp4"


def test_a_log_has_a_line_of_progress_now_and_then(monkeypatch):
    console = Console(record=True, width=100)
    with Bars(console) as bars:
        bars.show("1 of 9 segments", 1, 9)
        monkeypatch.setattr(progress, "EVERY", 0.0)
        bars.show("2 of 9 segments", 2, 9)
    assert console.export_text().splitlines() == ["2 of 9 segments"]
