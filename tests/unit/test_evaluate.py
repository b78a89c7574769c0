"""`eval` from annotated images to reports, with an estimator that knows the answers."""

import json

import cv2
import numpy as np
import pytest

from app.evaluation.command import paper_settings
from app.evaluation.journal import NAME, EvaluationJournal
from app.evaluation.run import Progress, evaluate
from engine.coco.metrics import judge
from engine.errors import DataError, OutputError, PoseError
from engine.settings import PAPER_GROUPING
from engine.skeleton import skeleton_from_names
from tests.support import eval_scenes as scenes

IMAGES = 7


@pytest.fixture
def content():
    return scenes.two_people_each(IMAGES)


@pytest.fixture
def job(tmp_path, content):
    return scenes.job(tmp_path, content)


def changed(job, **changes):
    from dataclasses import replace

    return replace(job, **changes)


def results(job):
    return (job.out / "results.json").read_bytes()


def test_everything_is_written_and_says_what_was_measured(job):
    evaluation = evaluate(job)
    assert evaluation.report.metrics["AP"] == pytest.approx(1.0)
    report = json.loads((job.out / "report.json").read_text())
    assert report["metrics"]["AP"] == pytest.approx(1.0)
    assert report["images"]["ids"] == list(range(1, IMAGES + 1))
    assert report["settings"]["engine"]["flip"] is True
    assert report["settings"]["grouping"] == PAPER_GROUPING.model_dump()
    assert {"torch", "numpy", "pycocotools", "opencv-python-headless"} <= set(report["versions"])
    assert report["diagnosis"]["kinds"]["good"] == 2 * IMAGES * 17
    assert report["speed"]["images"] == IMAGES
    rows = json.loads(results(job))
    assert [row["image_id"] for row in rows] == sorted(2 * list(range(1, IMAGES + 1)))
    assert set(rows[0]) == {"image_id", "category_id", "keypoints", "score", "bbox"}


def test_the_reports_never_claim_val2017_for_other_images(job):
    evaluate(job)
    for name in ("report.md", "report.html"):
        text = (job.out / name).read_text()
        assert "people.json (7 images)" in text
        assert "Not the COCO val2017 AP" in text


def test_the_page_needs_nothing_from_outside_and_shows_the_worst_images(job):
    evaluate(job)
    page = (job.out / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "<script" not in page
    assert page.count("data:image/jpeg;base64,") == IMAGES
    assert "prefers-color-scheme: dark" in page


def test_results_do_not_depend_on_the_batch(job, content, tmp_path):
    evaluate(job)
    other = changed(
        job, out=tmp_path / "other", open=scenes.opener(scenes.Knowing(content, batch=3))
    )
    evaluate(other)
    assert results(other) == results(job)


def test_a_broken_run_goes_on_where_it_was_with_the_same_batches(job, content):
    evaluate(job)
    whole = results(job)
    (job.out / "results.json").unlink()
    journal = job.out / NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:4]) + lines[4][:20])  # killed while writing image 4
    again = scenes.Knowing(content)
    resumed = changed(job, resume=True, open=scenes.opener(again))
    report = evaluate(resumed).report
    assert results(job) == whole
    assert again.seen == [[3, 4], [5, 6], [7]]  # 3 was finished, but its batch was not
    assert report.speed.images == 5


def test_resuming_a_finished_run_computes_nothing(job, content):
    evaluate(job)
    whole = results(job)
    idle = scenes.Knowing(content)
    report = evaluate(changed(job, resume=True, open=scenes.opener(idle))).report
    assert idle.seen == []
    assert results(job) == whole
    assert report.speed.images == 0
    assert "earlier run" in (job.out / "report.md").read_text()


def test_a_crash_in_the_middle_loses_no_finished_image(job, content):
    def fail(image):
        if image == 5:
            raise RuntimeError("the machine is on fire")

    with pytest.raises(RuntimeError):
        evaluate(changed(job, open=scenes.opener(scenes.Knowing(content, before=fail))))
    evaluate(changed(job, resume=True))
    unbroken = changed(job, out=job.out.parent / "unbroken")
    evaluate(unbroken)
    assert results(job) == results(unbroken)


def test_resuming_with_other_settings_is_refused_by_name(job):
    evaluate(job)
    other = changed(job, resume=True, settings=paper_settings(["grouping.refine=false"]))
    with pytest.raises(OutputError, match=r"grouping\.refine True, now it is False"):
        evaluate(other)


def test_an_unfinished_run_is_not_overwritten_by_accident(job):
    evaluate(job)
    journal = job.out / NAME
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:3]))
    with pytest.raises(OutputError, match=r"unfinished evaluation.*--resume"):
        evaluate(job)
    evaluate(changed(job, resume=True))


def test_a_second_run_into_the_same_folder_is_refused(job, content):
    refused = []

    def start_another(image):
        if not refused:
            with pytest.raises(OutputError, match="another command is evaluating into") as found:
                evaluate(changed(job, resume=True))
            refused.append(found)

    evaluate(changed(job, open=scenes.opener(scenes.Knowing(content, before=start_another))))
    assert refused
    evaluate(changed(job, out=job.out.parent / "alone"))
    assert results(job) == results(changed(job, out=job.out.parent / "alone"))


def test_a_finished_run_may_be_repeated(job):
    evaluate(job)
    whole = results(job)
    evaluate(job)
    assert results(job) == whole


def test_a_damaged_journal_is_refused(tmp_path):
    (tmp_path / NAME).write_bytes(b"{}\nnot json\n")
    with pytest.raises(OutputError, match="damaged"):
        EvaluationJournal(tmp_path, {}, 3, resume=True)


def test_missing_images_are_named_and_counted(job):
    (job.images / "002.png").unlink()
    (job.images / "005.png").unlink()
    with pytest.raises(DataError, match=r"2 of 7 annotated images .*002\.png, 005\.png.*--skip-m"):
        evaluate(job)
    assert not job.out.exists()


def test_skip_missing_judges_the_others_alone_and_says_so(job):
    (job.images / "002.png").unlink()
    report = evaluate(changed(job, skip_missing=True)).report
    assert report.metrics["AP"] == pytest.approx(1.0)
    assert report.skipped == ("002.png",)
    assert len(report.truth.images) == IMAGES - 1
    assert "1 annotated images were left out" in (job.out / "report.md").read_text()


def test_a_damaged_image_is_an_error_after_all_others_are_done(job, content):
    broken = job.images / "005.png"
    picture = broken.read_bytes()
    broken.write_bytes(picture[:40])
    with pytest.raises(DataError, match=r"005\.png is not an image, .* the other images are done"):
        evaluate(job)
    broken.write_bytes(picture)
    again = scenes.Knowing(content)
    evaluate(changed(job, resume=True, open=scenes.opener(again)))
    assert again.seen == [[5, 6]]


def test_a_damaged_image_can_be_skipped(job, caplog):
    (job.images / "005.png").write_bytes(b"nonsense")
    report = evaluate(changed(job, skip_missing=True)).report
    assert report.skipped == ("005.png",)
    assert 5 not in [image.id for image in report.truth.images]
    assert "005.png" in caplog.text


def test_an_image_of_another_size_is_another_image(job):
    cv2.imwrite(str(job.images / "003.png"), np.zeros((50, 60, 3), np.uint8))
    with pytest.raises(DataError, match=r"003\.png has 60x50 pixels.*for 320x240"):
        evaluate(job)


def test_a_folder_without_any_of_the_images_is_refused(job, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="none of the 7 annotated images"):
        evaluate(changed(job, images=empty))
    with pytest.raises(DataError, match="there is no image folder"):
        evaluate(changed(job, images=tmp_path / "nowhere"))


def test_keypoints_the_checkpoint_was_not_trained_for_are_refused(job, content):
    other = scenes.Knowing(content)
    other.skeleton = skeleton_from_names(["snout", "tail"])
    with pytest.raises(DataError, match=r"has the keypoints nose, .*knowing finds snout, tail"):
        evaluate(changed(job, open=scenes.opener(other)))


def test_a_limit_takes_the_first_images_and_says_so(job):
    report = evaluate(changed(job, limit=2)).report
    assert [image.id for image in report.truth.images] == [1, 2]
    assert report.images.startswith("the first images of ")


def test_a_limit_that_reaches_nobody_is_refused(tmp_path, job, content):
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] > 3]
    scenes.save(job.images, content)
    with pytest.raises(DataError, match="no person is annotated in the first 3 images"):
        evaluate(changed(job, limit=3))


def test_a_folder_that_cannot_be_written_is_named(job, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        evaluate(changed(job, out=tmp_path / "file" / "out"))


def test_every_error_is_one_line(job, tmp_path):
    for broken in (
        changed(job, annotations=tmp_path / "none.json"),
        changed(job, images=tmp_path / "none"),
        changed(job, limit=0),
    ):
        with pytest.raises(PoseError) as caught:
            evaluate(broken)
        assert "\n" not in str(caught.value)


def test_progress_counts_images_and_names_the_steps(job):
    counts, steps = [], []
    evaluate(job, Progress(lambda done, total: counts.append((done, total)), steps.append))
    assert counts == [(i, IMAGES) for i in range(1, IMAGES + 1)]
    assert steps[0] == "scoring"
    assert "cost of jitter" in steps


def test_the_time_is_split_between_the_network_and_everything_around_it(job):
    speed = evaluate(job).report.speed
    assert {"network", "writing", "scoring", "waiting for images"} <= set(speed.steps)
    assert sum(speed.steps.values()) == pytest.approx(speed.seconds, rel=0.05)
    assert speed.around_network == pytest.approx(1 - speed.steps["network"] / speed.seconds)


def test_the_reports_agree_with_the_judge(job, content):
    shifted = scenes.Knowing(content, shift=6.0)
    evaluation = evaluate(changed(job, open=scenes.opener(shifted)))
    rows = json.loads(results(job))
    assert dict(evaluation.report.metrics) == judge(evaluation.report.truth, rows).metrics
    assert 0 < evaluation.report.metrics["AP"] < 1


class SmallMemory(scenes.Knowing):
    """Halves its batch for good at the first one that is too large, as PoseEstimator does."""

    def submit(self, frames):
        if len(frames) > 2:
            self.too_large = [*getattr(self, "too_large", []), len(frames)]
            self.batch = 2
        return super().submit(frames)


def test_after_running_out_of_memory_later_batches_are_as_small_as_the_estimator_wants(
    job, content
):
    estimator = SmallMemory(content, batch=4)
    evaluate(changed(job, open=scenes.opener(estimator)))
    assert estimator.too_large == [4]
    assert [len(ids) for ids in estimator.seen][1:] == [2, 1]
