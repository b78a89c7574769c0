"""The table: layout, the published row, and when the two may be compared."""

from dataclasses import replace

import pytest
from rich.console import Console

from app.evaluation.command import paper_settings
from app.evaluation.report import plots, table
from app.evaluation.report.facts import published_for
from app.evaluation.run import evaluate
from engine.coco.diagnosis.calibration import Bin, Calibration
from engine.network.registry import registry
from engine.settings import PAPER_GROUPING
from tests.support import eval_scenes as scenes


@pytest.fixture
def report(tmp_path):
    return evaluate(scenes.job(tmp_path, scenes.two_people_each(2))).report


W32 = registry()["w32-512"]


def settings(*changes):
    return paper_settings(changes).engine


def test_the_paper_protocol_is_the_default():
    chosen = paper_settings()
    assert chosen.engine.flip is True
    assert chosen.engine.scales == (1.0,)
    assert chosen.grouping == PAPER_GROUPING


def test_the_published_row_is_that_of_the_same_protocol():
    assert published_for(W32, settings(), PAPER_GROUPING, 512)["AP"] == 0.677
    multi = settings("engine.scales=[0.5, 1, 2]")
    assert published_for(W32, multi, PAPER_GROUPING, 512)["AP"] == 0.706


@pytest.mark.parametrize(
    ("changes", "input_size"),
    [
        (("engine.flip=false",), 512),
        (("engine.scales=[1.5, 1]",), 512),
        ((), 640),
        (("grouping.refine=false",), 512),
        (("grouping.min_score=0.1",), 512),
    ],
)
def test_another_protocol_has_no_published_row(changes, input_size):
    chosen = paper_settings(changes)
    assert published_for(W32, chosen.engine, chosen.grouping, input_size) is None


def test_the_ways_of_mmpose_0_6_count_as_the_same_protocol():
    changes = ["engine.two_step_upsample=true", "grouping.ignore_too_much=true"]
    chosen = paper_settings(changes)
    assert published_for(W32, chosen.engine, chosen.grouping, 512)["AP"] == 0.677


def test_a_checkpoint_of_ones_own_has_no_published_row():
    assert published_for(None, settings(), PAPER_GROUPING, 512) is None


def test_the_table_has_the_published_layout_and_fits_80_columns(report):
    assert table.HEADER[:7] == ("Arch", "Input Size", "AP", "AP50", "AP75", "AR", "AR50")
    assert len(table.COLUMNS) == 10
    console = Console(width=80)
    with console.capture() as captured:
        console.print(table.for_terminal(replace(report, published={"AP": 0.677})))
    text = captured.get()
    assert "…" not in text
    assert ".677" in text
    assert "HigherHRNet-w32" in text


def test_a_difference_is_shown_only_on_the_same_images(report):
    with_row = replace(report, published={"AP": 0.677, "AR": 0.723}, published_by="MMPose")
    assert [row[0].strip() for row in table.rows(with_row)] == ["HigherHRNet-w32", "published"]
    assert "Not the COCO val2017 AP" in " ".join(table.notes(with_row))


def test_on_all_of_val2017_the_difference_stands_below(report, monkeypatch):
    monkeypatch.setattr("engine.coco.ground_truth.VAL2017_IMAGES", len(report.truth.images))
    file = report.truth.file.with_name("person_keypoints_val2017.json")
    whole = replace(
        report,
        truth=replace(report.truth, file=file),
        published={"AP": 0.677},
        published_by="MMPose",
        metrics={**report.metrics, "AP": 0.6755},
    )
    rows = table.rows(whole)
    assert rows[2][:3] == ("  difference", "", "-.002")
    assert "COCO val2017 (2 images)" in table.notes(whole)[0]


@pytest.mark.parametrize(
    ("value", "text"), [(0.6774, ".677"), (1.0, "1.000"), (0.0, ".000"), (-1.0, ""), (None, "")]
)
def test_numbers_are_written_as_in_the_published_table(value, text):
    assert table.fraction(value) == text


def test_bars_of_loss_go_left_of_those_of_gain():
    drawn = plots.bars([("gain", 0.2, "+20"), ("loss", -0.1, "-10")])
    gain, loss = (float(part.split('"')[0]) for part in drawn.split('class="bar" x="')[1:])
    assert loss < gain


def test_names_from_files_cannot_become_markup():
    assert "<script>" not in plots.bars([("<script>", 1.0, "<b>")])


def test_a_calibration_without_anybody_can_be_drawn():
    assert plots.reliability(Calibration("a person", (), 0.0)).startswith("<svg")
    one = Calibration("a person", (Bin(1.2, 1.0, 3),), 0.2)
    assert "circle" in plots.reliability(one)


def test_the_network_s_share_is_told_only_where_it_can_be_timed(report):
    assert "around the network" in table.time_line(report)
    on_cuda = replace(report, model=replace(report.model, device="cuda:0"))
    assert "around the network" not in table.time_line(on_cuda)
