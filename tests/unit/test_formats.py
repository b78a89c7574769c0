"""Every format: written, read back, and read by the programs it is for."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.tracks.convert import convert
from app.tracks.rounding import rounded
from app.tracks.table import FORMATS, format_of, formats_named, open_writer, read
from engine.errors import DataError, OutputError, SettingsError
from engine.skeleton import COCO
from engine.types import JointState, Result
from tests.support.tracks import HEADER, equal, some_results, write_all


def written(tmp_path: Path, name: str, results: list[Result]) -> Path:
    path = FORMATS[name].path(tmp_path, "clip")
    write_all([open_writer(FORMATS[name], path, HEADER)], iter(results))
    return path


@pytest.mark.parametrize("name", ["ndjson", "parquet"])
def test_the_full_formats_lose_nothing(tmp_path, name):
    results = some_results(30)
    results[20:] = [replace(r, frame=replace(r.frame, segment=1)) for r in results[20:]]
    header, again = read(written(tmp_path, name, results))
    assert {key: header[key] for key in HEADER} == HEADER
    again = list(again)
    assert [(r.frame.index, r.frame.time, r.frame.segment) for r in again] == [
        (r.frame.index, r.frame.time, r.frame.segment) for r in results
    ]
    assert all(r.frame.size == (640, 360) for r in again)
    assert all(equal(a.poses, b.poses) for a, b in zip(again, results, strict=True))


def test_csv_keeps_everybody_but_not_the_raw_positions(tmp_path):
    results = [r for r in some_results(30) if len(r.poses)]
    header, again = read(written(tmp_path, "csv", results))
    assert header["keypoints"] == list(COCO.names)
    for one, two in zip(again, results, strict=True):
        assert (one.frame.index, one.frame.time) == (two.frame.index, two.frame.time)
        assert equal(one.poses, replace(two.poses, raw_xy=two.poses.xy))


def test_coco_keeps_everything_but_states_and_raw_positions(tmp_path):
    results = some_results(30)
    _, again = read(written(tmp_path, "coco", results))
    for one, two in zip(again, results, strict=True):
        assert (one.frame.index, one.frame.time) == (two.frame.index, two.frame.time)
        there = two.poses.state != JointState.ABSENT
        state = np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8)
        assert equal(one.poses, replace(two.poses, raw_xy=two.poses.xy, state=state))


def test_pycocotools_takes_the_file_as_truth_and_as_results(tmp_path, capsys):
    from pycocotools.coco import COCO as Api  # noqa: N811
    from pycocotools.cocoeval import COCOeval

    path = written(tmp_path, "coco", [r for r in some_results(30) if len(r.poses)])
    truth = Api(str(path))
    judge = COCOeval(truth, truth.loadRes(json.loads(path.read_text())["annotations"]), "keypoints")
    judge.params.areaRng, judge.params.areaRngLbl = judge.params.areaRng[:1], ["all"]
    judge.evaluate()
    judge.accumulate()
    assert judge.eval["precision"].max() == pytest.approx(1)


def test_openpose_has_18_keypoints_with_a_neck_and_zeros_for_what_is_absent(tmp_path):
    results = some_results(30)
    folder = written(tmp_path, "openpose", results)
    files = sorted(folder.iterdir())
    assert len(files) == 30
    assert files[3].name == "clip_000000000006_keypoints.json"
    for file, result in zip(files, results, strict=True):
        people = json.loads(file.read_text())["people"]
        for person, xy, state in zip(people, result.poses.xy, result.poses.state, strict=True):
            points = np.array(person["pose_keypoints_2d"]).reshape(18, 3)
            assert np.isfinite(points).all()
            assert np.allclose(points[2, :2], np.nan_to_num(xy[6]), atol=1e-3)  # RShoulder
            assert np.allclose(points[13, :2], np.nan_to_num(xy[15]), atol=1e-3)  # LAnkle
            shoulders = (state[5:7] != JointState.ABSENT).all()
            assert np.allclose(points[1, :2], xy[5:7].mean(0) if shoulders else 0, atol=0.01)


def test_openpose_comes_back_but_for_states_and_person_scores(tmp_path):
    results = some_results(30)
    _, again = read(written(tmp_path, "openpose", results))
    for one, two in zip(again, results, strict=True):
        assert (one.frame.index, one.frame.time) == (two.frame.index, two.frame.time)
        assert np.array_equal(one.poses.xy, two.poses.xy, equal_nan=True)
        assert np.array_equal(one.poses.joint_score, two.poses.joint_score)
        assert np.array_equal(one.poses.ids, two.poses.ids)


def test_body_25_of_openpose_itself_is_read(tmp_path):
    points = np.arange(75, dtype=float).reshape(25, 3) + 1
    folder = tmp_path / "cam_json"
    folder.mkdir()
    value = {"version": 1.3, "people": [{"pose_keypoints_2d": points.ravel().tolist()}]}
    (folder / "cam_000000000000_keypoints.json").write_text(json.dumps(value))
    result = next(read(folder)[1])
    body_25 = [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]  # as its manual lists
    assert np.array_equal(result.poses.xy[0], points[body_25, :2].astype(np.float32))


def test_trc_has_a_file_per_person_whose_rows_follow_each_other(tmp_path):
    results = some_results(30)
    stem = written(tmp_path, "trc", results)
    for person in (0, 1, 2):
        file = stem.with_name(f"{stem.name}_person{person:02d}.trc")
        header, again = read(file)
        assert header["keypoints"] == list(COCO.names)
        again = list(again)
        steps = np.diff([r.frame.index for r in again])
        assert (steps == 2).all()
        seen = {r.frame.index: r for r in results if person in r.poses.ids}
        assert (again[0].frame.index, again[-1].frame.index) == (min(seen), max(seen))
        for one in again:
            two = seen.get(one.frame.index)
            expected = two.poses.xy[two.poses.ids == person] if two else np.zeros((0, 17, 2))
            assert np.array_equal(one.poses.xy, expected, equal_nan=True)
    assert not list(tmp_path.glob("*.part"))


def test_trc_reads_the_way_pose2sim_and_sports2d_read_it(tmp_path):
    pandas = pytest.importorskip("pandas")
    stem = written(tmp_path, "trc", some_results(30))
    file = stem.with_name(f"{stem.name}_person00.trc")
    facts = pandas.read_csv(file, sep="\t", skiprows=1, header=None, nrows=2)
    facts = dict(zip(facts.iloc[0], facts.iloc[1], strict=True))
    markers = pandas.read_csv(file, sep="\t", skiprows=3, nrows=0).columns[2::3]
    table = pandas.read_csv(file, sep="\t", skiprows=4)
    assert (int(facts["NumMarkers"]), facts["Units"]) == (17, "px")
    assert [m for m in markers if not m.startswith("Unnamed")][5:7] == ["LShoulder", "RShoulder"]
    assert table.shape == (int(facts["NumFrames"]), 2 + 3 * 17)
    assert table.iloc[:, 2:].notna().any().all()


def test_mot_is_read_by_motmetrics(tmp_path):
    motmetrics = pytest.importorskip("motmetrics")
    results = some_results(30)
    path = written(tmp_path, "mot", results)
    table = motmetrics.io.loadtxt(str(path), fmt="mot15-2D")
    tracked = [r.poses.take(r.poses.ids >= 0) for r in results]
    assert len(table) == sum(map(len, tracked))
    again = [r.poses for r in read(path)[1]]
    expected = [p for p in tracked if len(p)]
    for one, two in zip(again, expected, strict=True):
        assert np.allclose(one.xy[:, 0], np.nanmin(two.xy, axis=1), atol=0.01)
        assert np.allclose(one.xy[:, 1], np.nanmax(two.xy, axis=1), atol=0.02)


@pytest.mark.parametrize("name", ["ndjson", "parquet"])
def test_converting_there_and_back_gives_the_same_bytes(tmp_path, name):
    source = written(tmp_path, "ndjson", some_results(30))
    there = convert(source, name, tmp_path / "there")[0]
    back = convert(there, "csv,coco,mot,parquet", tmp_path / "back")
    direct = convert(source, "csv,coco,mot,parquet", tmp_path / "direct")
    assert [p.read_bytes() for p in back] == [p.read_bytes() for p in direct]


def test_the_tracks_are_never_written_over(tmp_path):
    source = written(tmp_path, "ndjson", some_results())
    before = source.read_bytes()
    with pytest.raises(OutputError, match="written over"):
        convert(source, "ndjson")
    assert source.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    source = written(tmp_path, "ndjson", some_results())
    with pytest.raises(OutputError, match=f"cannot make the folder {source}"):
        convert(source, "csv", source)


def test_nobody_is_ever_at_the_corner_outside_coco_and_openpose(tmp_path):
    results = some_results(30)
    for name in ("ndjson", "csv", "trc"):
        path = written(tmp_path, name, results)
        for file in path.parent.glob(f"{path.name}*"):
            _, again = read(file)
            assert not any((r.poses.xy == 0).all(axis=2).any() for r in again)


def test_rounding_twice_is_rounding_once():
    rng = np.random.default_rng(0)
    for result in some_results(20):
        noisy = replace(result.poses, xy=result.poses.xy + rng.random((1, 17, 2), np.float32))
        once = rounded(noisy)
        assert equal(once, rounded(once))
        assert np.nanmax(np.abs(once.xy - noisy.xy), initial=0) <= 0.00502


def test_a_file_of_a_killed_program_is_read_as_far_as_it_goes(tmp_path):
    path = written(tmp_path, "ndjson", some_results(30))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b'"index":40') + 30])
    assert len(list(read(path)[1])) == 20


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.ndjson", ""),
        ("a.ndjson", '{"type":"frame"}\n'),
        ("a.ndjson", '{"type":"header","version":99}\n'),
        ("a.csv", "frame,time,x\n1,2,3\n"),
        ("a.coco.json", "[1, 2]"),
        ("a.trc", "PathFileType\n"),
        ("a.mot.txt", "hello\n"),
        ("a.parquet", "PAR1"),
    ],
)
def test_a_file_that_is_something_else_is_named_in_one_line(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=name):
        list(read(tmp_path / name)[1])


def test_formats_are_known_by_name_and_by_ending(tmp_path):
    assert [f.name for f in formats_named("ndjson, CSV,csv")] == ["ndjson", "csv"]
    with pytest.raises(SettingsError, match="bvh"):
        formats_named("csv,bvh")
    for name in ("ndjson", "csv", "parquet", "coco", "mot"):
        assert format_of(FORMATS[name].path(tmp_path, "x")).name == name
    with pytest.raises(DataError, match="--from"):
        format_of(tmp_path / "x.dat")
