"""`eval --compare` and `eval --parity`, and the options of `eval`."""

import json
from dataclasses import replace

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

import app.evaluation.command
from app.cli import main
from app.evaluation.command import paper_settings
from app.evaluation.compare import compare_results
from app.evaluation.configurations import configurations
from app.evaluation.parity import check_parity
from app.evaluation.run import evaluate
from engine.errors import DataError, SettingsError
from tests.support import eval_scenes as scenes


@pytest.fixture
def content():
    return scenes.two_people_each(5)


@pytest.fixture
def job(tmp_path, content):
    return scenes.job(tmp_path, content, "a")


@pytest.fixture
def console():
    return Console(width=200, record=True)


@pytest.fixture
def two_results(job, content):
    """A is 7 pixels beside the truth, B is on it."""
    beside = scenes.opener(scenes.Knowing(content, shift=7.0))
    evaluate(replace(job, open=beside))
    evaluate(replace(job, out=job.out.with_name("b")))
    return job.out / "results.json", job.out.with_name("b") / "results.json"


def test_two_results_are_compared_on_the_images_their_reports_name(two_results, console):
    found = compare_results(*two_results, None, console)
    assert found.ap[1] == pytest.approx(1.0)
    assert found.difference == pytest.approx(1.0 - found.ap[0])
    assert (len(found.wins), found.losses) == (5, ())
    assert "B is better" in console.export_text()


def test_a_comparison_is_written_where_asked(two_results, console, tmp_path):
    compare_results(*two_results, None, console, tmp_path / "c")
    assert json.loads((tmp_path / "c/compare.json").read_text())["images"] == 5


def test_only_images_that_both_saw_are_compared(two_results, job, console):
    fewer = replace(job, out=job.out.with_name("few"), limit=3)
    evaluate(fewer)
    found = compare_results(two_results[0], fewer.out / "results.json", None, console)
    assert found.images == 3


def test_a_difference_within_chance_is_not_called_better(job, content, console):
    evaluate(job)
    found = compare_results(job.out / "results.json", job.out / "results.json", None, console)
    assert found.interval == (0.0, 0.0)
    assert "not significant" in console.export_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "not COCO keypoint results.*valid array"),
        ("not json", "not JSON"),
        ("[{}]", r"not COCO keypoint results: \[0\].image_id: is missing"),
        (
            json.dumps([{"image_id": 1, "score": 1, "keypoints": [0] * 50}]),
            "50 numbers as keypoints, not 51",
        ),
        (
            json.dumps([{"image_id": 1, "category_id": 3, "score": 1, "keypoints": [0] * 51}]),
            "has category 3, the annotations' people have 1",
        ),
    ],
)
def test_what_is_no_results_file_is_refused(job, console, tmp_path, text, message):
    file = tmp_path / "results.json"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        compare_results(file, file, job.annotations, console)


def test_without_a_report_the_annotations_must_be_given(job, console, tmp_path):
    file = tmp_path / "alone.json"
    file.write_text("[]")
    with pytest.raises(DataError, match="give the --annotations file"):
        compare_results(file, file, None, console)


def both(*estimators):
    return scenes.opener(*estimators)


def check(job, console, *estimators):
    chosen = paper_settings()
    asked = {"left": chosen, "right": chosen}
    return check_parity(replace(job, open=both(*estimators)), asked, console)[0]


def test_equal_configurations_are_at_parity(job, content, console):
    parity = check(job, console, scenes.Knowing(content), scenes.Knowing(content, batch=3))
    assert parity.holds
    assert parity.people == (10, 10)
    assert (parity.matched, parity.equal, parity.counting) == (10, 10, 10)
    assert parity.heat == 0.0
    assert set(parity.shift.values()) == {0.0}
    assert parity.ap == pytest.approx((1.0, 1.0))
    assert "parity holds" in console.export_text()


def test_a_shift_is_measured_in_pixels_and_breaks_parity(job, content, console):
    parity = check(job, console, scenes.Knowing(content), scenes.Knowing(content, shift=4.0))
    assert not parity.holds
    assert parity.shift == pytest.approx(dict.fromkeys(("p50", "p90", "p99", "p100"), 4.0))
    assert parity.matched == 10
    assert parity.ap[1] < parity.ap[0]
    assert json.loads((job.out / "parity.json").read_text())[0]["matched"] == 10


def test_lost_people_break_parity(job, content, console):
    fewer = {**content, "annotations": content["annotations"][1:]}
    parity = check(job, console, scenes.Knowing(content), scenes.Knowing(fewer))
    assert parity.people == (10, 9)
    assert parity.equal == 9
    assert not parity.holds


def test_maps_of_different_sizes_are_not_compared(job, content, console, monkeypatch):
    parity = None
    other = scenes.Knowing(content)
    submit = other.submit

    def larger(frames):
        ticket = submit(frames)
        ticket.parts[0].maps.heat = torch.zeros(len(frames), 17, 8, 8)
        return ticket

    monkeypatch.setattr(other, "submit", larger)
    parity = check(job, console, scenes.Knowing(content), other)
    assert parity.heat is None


def test_several_configurations_are_each_compared_with_the_first(job, content, console):
    fewer = {**content, "annotations": content["annotations"][1:]}
    chosen = paper_settings()
    found = check_parity(
        replace(job, open=both(*map(scenes.Knowing, (content, fewer, content)))),
        {"a": chosen, "b": chosen, "c": chosen},
        console,
    )
    assert [p.configurations for p in found] == [("a", "b"), ("a", "c")]
    assert [p.people for p in found] == [(10, 9), (10, 10)]
    assert [p.holds for p in found] == [False, True]


def test_int8_may_lose_a_point_and_gain_any(job, content, console):
    chosen = paper_settings()
    int8 = paper_settings(["engine.precision=int8"])
    found = check_parity(
        replace(job, open=both(scenes.Knowing(content, shift=4.0), scenes.Knowing(content))),
        {"torch": chosen, "openvino-int8": int8},
        console,
    )[0]
    assert found.ap[1] > found.ap[0]
    assert found.holds


def test_configurations_are_runtimes_or_settings():
    assert configurations("torch,engine.scales=[2,1] engine.batch=8") == {
        "torch": ["engine.runtime=torch", "engine.precision=auto"],
        "engine.scales=[2,1] engine.batch=8": ["engine.scales=[2,1]", "engine.batch=8"],
    }
    assert configurations("torch, openvino-int8")["openvino-int8"] == [
        "engine.runtime=openvino",
        "engine.precision=int8",
    ]


@pytest.mark.parametrize("text", ["torch", "torch,openvino-int4", "torch,tensorflow"])
def test_what_is_no_pair_of_configurations_is_one_clear_line(text):
    with pytest.raises(SettingsError, match="--parity"):
        configurations(text)


@pytest.fixture
def command():
    import typer

    typed = typer.Typer()
    typed.command()(app.evaluation.command.command)
    return lambda *words: CliRunner().invoke(typed, [str(word) for word in words])


def test_eval_without_data_says_what_it_needs(command):
    outcome = command("--weights", "compact")
    assert isinstance(outcome.exception, SettingsError)
    assert "--annotations FILE and --images DIR" in str(outcome.exception)


def test_data_means_cocos_own_layout(command, tmp_path):
    outcome = command("--data", tmp_path)
    assert "annotations/person_keypoints_val2017.json" in str(outcome.exception)


@pytest.fixture
def asked(monkeypatch, job):
    """The EvaluationJob that the command makes of its options."""
    jobs = []

    def note(asked, progress):
        jobs.append(asked)
        return evaluate(replace(job, out=job.out.with_name("asked")))

    monkeypatch.setattr("app.evaluation.run.evaluate", note)
    return jobs


def test_options_become_settings(command, asked, tmp_path):
    outcome = command(
        *("--annotations", "a.json", "--images", "pics", "--no-flip", "--scales", "2,1,0.5"),
        *("--input-size", 640, "--batch", 4, "--weights", "w32-512", "--network", "w32"),
        *("--set", "grouping.refine=false", "--out", tmp_path, "--limit", 3, "--resume"),
    )
    assert outcome.exit_code == 0, outcome.exception
    (job,) = asked
    engine = job.settings.engine
    assert (engine.flip, engine.scales, engine.batch) == (False, (2.0, 1.0, 0.5), 4)
    assert (engine.input_size, engine.weights, engine.network) == (640, "w32-512", "w32")
    assert job.settings.grouping.refine is False
    assert job.settings.grouping.duplicate_oks == 1.0
    assert (job.limit, job.resume, job.skip_missing) == (3, True, False)
    assert "HigherHRNet-w32" in outcome.output
    assert "around the network" in outcome.output


def test_impossible_scales_are_refused(command):
    outcome = command("--annotations", "a", "--images", "b", "--scales", "2,0.5")
    assert isinstance(outcome.exception, SettingsError)
    assert "scales must include 1" in str(outcome.exception)


def test_ctrl_c_says_how_to_go_on(command, monkeypatch):
    def interrupted(job, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr("app.evaluation.run.evaluate", interrupted)
    outcome = command("--annotations", "a", "--images", "b")
    assert outcome.exit_code == 130
    assert "--resume" in outcome.output


@pytest.mark.parametrize("weights", ["nowhere.pth", "no-such-name", "garbage.pth"])
def test_unusable_weights_end_with_one_line_and_exit_code_1(job, capsys, tmp_path, weights):
    (tmp_path / "garbage.pth").write_bytes(b"not a checkpoint")
    name = str(tmp_path / weights) if weights.endswith("pth") else weights
    words = ["eval", "--annotations", str(job.annotations), "--images", str(job.images)]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--weights", name, "--device", "cpu", "--out", str(tmp_path / "out")])
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert weights in error
    assert not (tmp_path / "out").exists()
