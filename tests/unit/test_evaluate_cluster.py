"""`eval` by shards on other machines, and sweeps of configurations."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

pytest.importorskip("fsspec", reason="needs the extra `cluster`")

from app.cluster import evaluation as on_cluster
from app.cluster import tasks
from app.evaluation.command import paper_settings
from app.evaluation.run import evaluate
from app.evaluation.sweep import points, table
from engine.errors import PoseError, SettingsError
from tests.support import eval_scenes as scenes
from tests.support.inline_executor import Inline

CONTENT = scenes.two_people_each(7)


@contextmanager
def knowing(settings):
    """Finds the annotated people, farther away the smaller the input."""
    yield scenes.Knowing(CONTENT, shift=6.0 if settings.engine.input_size == 64 else 0.0)


@pytest.fixture(autouse=True)
def no_engine_kept():
    tasks._Engine.key = ""
    yield
    tasks._Engine.key = ""


@pytest.fixture
def job(tmp_path):
    return scenes.job(tmp_path, CONTENT, "one", knowing)


def test_shards_give_the_results_of_one_machine(tmp_path, job, monkeypatch):
    monkeypatch.setattr(on_cluster, "_IMAGES", 2)
    evaluate(job)
    executor = Inline()
    measure = on_cluster.ClusterMeasure(executor, lambda: 2, knowing)
    many = replace(job, out=tmp_path / "many", open=measure.open, measure=measure)
    found = evaluate(many)
    assert (many.out / "results.json").read_bytes() == (job.out / "results.json").read_bytes()
    assert found.report.metrics["AP"] == pytest.approx(1.0)
    assert len([title for title in executor.titles if title.startswith("images")]) == 4
    assert executor.most <= 4
    evaluate(replace(many, resume=True))
    assert len([title for title in executor.titles if title.startswith("images")]) == 4


def test_an_image_that_cannot_be_read_ends_it_and_resume_goes_on(tmp_path, job, monkeypatch):
    monkeypatch.setattr(on_cluster, "_IMAGES", 2)
    pictures = sorted(p for p in job.images.iterdir() if p.suffix in (".jpg", ".png"))
    whole = pictures[-1].read_bytes()
    pictures[-1].write_bytes(b"no picture")
    executor = Inline()
    measure = on_cluster.ClusterMeasure(executor, lambda: 1, knowing)
    many = replace(job, out=tmp_path / "many", open=measure.open, measure=measure)
    with pytest.raises(PoseError, match="not an image"):
        evaluate(many)
    pictures[-1].write_bytes(whole)
    before = len(executor.titles)
    evaluate(replace(many, resume=True))
    assert len(executor.titles) - before <= 3
    evaluate(job)
    assert (many.out / "results.json").read_bytes() == (job.out / "results.json").read_bytes()


def test_a_sweep_is_all_combinations_with_the_best_first(tmp_path, job):
    chosen = points("input-size=64,128 grouping.min_joints=0")
    assert [p.name for p in chosen] == [
        "input_size-64_min_joints-0",
        "input_size-128_min_joints-0",
    ]
    found = [
        (p, evaluate(replace(job, settings=paper_settings(p.changes), out=tmp_path / p.name)))
        for p in chosen
    ]
    rows = table(found)
    first = next(iter(rows.columns[0].cells))
    assert first == "input_size=128 grouping.min_joints=0"


@pytest.mark.parametrize("text", ["", "weights", "weights=", "weights=a,", "a=1 a=2"])
def test_a_sweep_that_is_not_one_is_refused(text):
    with pytest.raises(SettingsError, match="--sweep"):
        points(text)
