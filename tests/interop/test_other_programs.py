"""Our files are opened by the programs they are for, as docs/formats.md says.

Where a program is not installed its tests are skipped: pip install 'posestream[interop]'.
"""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from app.tracks.convert import Metres, convert
from app.tracks.table import read, read_recording
from engine.errors import DataError, SettingsError
from engine.skeleton import COCO
from engine.types import JointState
from tests.interop.consumers import consumer, written
from tests.support.walking import HEADER, RATE, SIZE, walking


def with_pictures(folder):
    """The pictures that annotations refer to, as `--save-frames` writes them."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    for t in range(30):
        picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        cv2.imwrite(str(folder / f"clip_{t:06d}.jpg"), picture)


ANKLE = COCO.names.index("right_ankle")


def test_pycocotools_takes_our_results_against_our_annotations(tmp_path):
    from pycocotools.coco import COCO as Api  # noqa: N811
    from pycocotools.cocoeval import COCOeval

    truth = Api(str(written(tmp_path, "coco", walking())))
    found = truth.loadRes(str(written(tmp_path, "coco-results", walking())))
    judge = COCOeval(truth, found, "keypoints")
    judge.params.areaRng, judge.params.areaRngLbl = judge.params.areaRng[:1], ["all"]
    judge.evaluate()
    judge.accumulate()
    assert judge.eval["precision"].max() == pytest.approx(1)
    assert min([*truth.getImgIds(), *truth.getAnnIds()]) == 1


def test_datumaro_keeps_the_tracks_of_coco(tmp_path):
    datumaro = consumer("datumaro")
    folder = tmp_path / "annotations"
    folder.mkdir()
    with_pictures(tmp_path / "images" / "clip")
    written(tmp_path, "coco", walking()).rename(folder / "person_keypoints_clip.json")
    data = datumaro.Dataset.import_from(str(tmp_path), "coco_person_keypoints")
    tracks = {one.attributes["track_id"] for item in data for one in item.annotations}
    assert tracks == {1, 2}


def test_datumaro_takes_our_mot_as_visible_people_with_tracks(tmp_path):
    datumaro = consumer("datumaro")
    folder = tmp_path / "clip" / "gt"
    folder.mkdir(parents=True)
    written(tmp_path, "mot", walking()).rename(folder / "gt.txt")
    data = datumaro.Dataset.import_from(str(tmp_path / "clip"), "mot_seq")
    boxes = [one for item in data for one in item.annotations]
    assert len(boxes) == 60
    assert {box.attributes["track_id"] for box in boxes} == {1, 2}
    assert not any(box.attributes["occluded"] or box.attributes["ignored"] for box in boxes)


def test_motmetrics_reads_ids_and_scores(tmp_path):
    motmetrics = consumer("motmetrics")
    table = motmetrics.io.loadtxt(str(written(tmp_path, "mot", walking())), fmt="mot16")
    assert sorted(table.index.get_level_values("Id").unique()) == [1, 2]
    assert table["Confidence"].unique() == pytest.approx([0.75])
    assert table["Visibility"].between(0.9, 1).all()


def test_sleap_io_reads_coco_with_its_tracks(tmp_path):
    sleap = consumer("sleap_io")
    with_pictures(tmp_path)  # frames without a picture are left out
    labels = sleap.load_coco(str(written(tmp_path, "coco", walking())))
    assert len(labels) == 30
    assert len(labels.tracks) == 2
    assert [node.name for node in labels.skeleton.nodes] == list(COCO.names)


def test_sleap_io_reads_the_analysis_file(tmp_path):
    sleap = consumer("sleap_io")
    consumer("h5py")
    labels = sleap.load_analysis_h5(str(written(tmp_path, "sleap", walking())))
    points = labels.numpy()
    assert [track.name for track in labels.tracks] == ["person00", "person01"]
    assert points.shape == (30, 2, 17, 2)
    assert points[3, 1, 0] == pytest.approx(walking()[3].poses.xy[1, 0])
    assert np.isnan(points[-1, 0, ANKLE]).all()


def test_sleap_io_reads_the_deeplabcut_tables(tmp_path):
    sleap = consumer("sleap_io")
    labels = sleap.load_dlc(str(written(tmp_path, "dlc-csv", walking())))
    assert {node.name for node in labels.skeleton.nodes} == set(COCO.names)


def test_sleap_io_reads_yolo_labels(tmp_path):
    sleap = consumer("sleap_io")
    import cv2

    folder = written(tmp_path, "yolo", walking(5))
    (folder / "train" / "images").mkdir()
    for label in (folder / "train" / "labels").iterdir():
        picture = folder / "train" / "images" / f"{label.stem}.jpg"
        cv2.imwrite(str(picture), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    labels = sleap.load_ultralytics(str(folder))
    assert [len(frame.instances) for frame in labels] == [2] * 5
    found = labels[3].instances[1].numpy()
    assert found == pytest.approx(walking(5)[3].poses.xy[1], abs=0.01, nan_ok=True)


@pytest.mark.parametrize(
    ("name", "software"), [("dlc-csv", "DeepLabCut"), ("dlc-h5", "DeepLabCut"), ("sleap", "SLEAP")]
)
def test_movement_opens_individuals_and_confidence(tmp_path, name, software):
    load = consumer("movement.io").load_dataset
    data = load(written(tmp_path, name, walking()), source_software=software, fps=RATE)
    assert [str(one) for one in data.individuals.values] == ["person00", "person01"]
    assert [str(one) for one in data.keypoints.values] == list(COCO.names)
    nose = data.position.sel(individuals="person01", keypoints="nose").values
    assert nose.shape == (30, 2)
    assert nose[3] == pytest.approx(walking()[3].poses.xy[1, 0])
    assert np.nanmax(data.confidence.values) == pytest.approx(0.8)


def test_movement_gives_the_speed_of_a_person(tmp_path):
    load = consumer("movement.io").load_dataset
    kinematics = consumer("movement.kinematics")
    path = written(tmp_path, "sleap", walking())
    data = load(path, source_software="SLEAP", fps=RATE)
    speed = kinematics.compute_speed(data.position.sel(individuals="person00", keypoints="nose"))
    assert float(speed.median()) == pytest.approx(6 * RATE, rel=0.02)  # 6 pixels a frame


def test_pynwb_and_movement_read_nwb(tmp_path):
    consumer("ndx_pose")
    pynwb = consumer("pynwb")
    one = [replace(r, poses=r.poses.take(r.poses.ids == 1)) for r in walking()]
    path = written(tmp_path, "nwb", one)
    assert not pynwb.validate(path=str(path))
    with pynwb.NWBHDF5IO(str(path), "r", load_namespaces=True) as file:
        pose = file.read().processing["behavior"]["PoseEstimation"]
        nose = pose.pose_estimation_series["nose"]
        assert nose.data[3] == pytest.approx(one[3].poses.xy[0, 0])
        assert nose.timestamps[3] == pytest.approx(3 / RATE, abs=1e-6)
        assert nose.confidence[3] == pytest.approx(0.8)
        assert list(pose.skeleton.nodes[:]) == list(COCO.names)
    load = consumer("movement.io").load_dataset
    assert load(path, source_software="NWB").sizes["time"] == 30


def test_ezc3d_and_kineticstoolkit_read_c3d(tmp_path):
    ezc3d = consumer("ezc3d")
    one = [replace(r, poses=r.poses.take(r.poses.ids == 0)) for r in walking()]
    path = written(tmp_path, "c3d", one)
    file = ezc3d.c3d(str(path))
    labels = file["parameters"]["POINT"]["LABELS"]["value"]
    assert labels[5:7] == ["LShoulder", "RShoulder"]
    assert file["parameters"]["POINT"]["RATE"]["value"][0] == pytest.approx(RATE, rel=1e-4)
    assert np.isnan(file["data"]["points"][0, ANKLE, -1])
    kinetics = consumer("kineticstoolkit")
    points = kinetics.read_c3d(str(path), convert_point_unit=False)["Points"]
    x = points.data["RShoulder"][:, 0]
    assert x[:5] == pytest.approx([r.poses.xy[0, 6, 0] for r in one[:5]])


def test_duckdb_and_pandas_read_parquet(tmp_path):
    consumer("pyarrow")
    duckdb, pandas = consumer("duckdb"), consumer("pandas")
    path = written(tmp_path, "parquet", walking())
    found = duckdb.sql(f"select count(*), max(nose_x) from '{path}' where id = 1")
    assert found.fetchall() == [(30, pytest.approx(500))]
    assert len(pandas.read_parquet(path)) == 60


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_what_pandas_saved_again_is_read(tmp_path, name):
    pandas = consumer("pandas")
    consumer("pyarrow")
    path = written(tmp_path, name, walking())
    again = tmp_path / f"again.{name}"
    if name == "csv":
        table = pandas.read_csv(path)
        table["id"] = table["id"].astype(float)  # as pandas holds ids where one is missing
        table.to_csv(again, index=False, encoding="utf-8-sig", lineterminator="\r\n")
    else:
        pandas.read_parquet(path).to_parquet(again)
    one, two = read_recording(path), read_recording(again)
    assert two.ids == [0, 1]
    assert np.array_equal(one.people.xy, two.people.xy, equal_nan=True)


def test_opensim_opens_trc_and_angles(tmp_path):
    opensim = consumer("opensim")
    written(tmp_path, "trc", walking())
    for number in (0, 1):
        table = opensim.TimeSeriesTableVec3(str(tmp_path / f"clip_px_person{number:02d}.trc"))
        assert (table.getNumRows(), table.getNumColumns()) == (30, 17)
        first = table.getRowAtIndex(0)[5]
        assert [first[0], first[1]] == pytest.approx(walking(1)[0].poses.xy[number, 5])
    folder = written(tmp_path, "angles-mot", walking())
    angles = opensim.TimeSeriesTable(str(folder / "person01.mot"))
    assert (angles.getNumRows(), angles.getNumColumns()) == (30, 13)
    assert angles.getTableMetaDataString("inDegrees") == "yes"


# OpenSim's reader counts the cells of a row as its lexer splits it: cells that are empty at the end
# of a line are lost ("Expected = 53. Received = 52"), `nan` is a number.
def test_opensim_finds_a_number_in_every_cell_of_trc(tmp_path):
    written(tmp_path, "trc", walking())
    for number in (0, 1):
        lines = (tmp_path / f"clip_px_person{number:02d}.trc").read_text().splitlines()
        for line in lines[5:]:
            cells = line.rstrip().split("\t")
            assert len(cells) == 2 + 3 * 17
            assert [float(cell) for cell in cells]


def test_the_rate_of_trc_is_measured_not_the_containers_claim(tmp_path):
    written(tmp_path, "trc", walking(), {**HEADER, "rate": 1000.0})
    facts = (tmp_path / "clip_px_person00.trc").read_text().splitlines()[2].split("\t")
    assert float(facts[0]) == pytest.approx(RATE, rel=1e-4)


def test_opensim_motion_files_have_the_numbers_they_announce(tmp_path):
    folder = written(tmp_path, "angles-mot", walking())
    lines = (folder / "person00.mot").read_text().splitlines()
    end = lines.index("endheader")
    facts = dict(line.split("=") for line in lines[1:end])
    names, rows = lines[end + 1].split("\t"), [line.split("\t") for line in lines[end + 2 :]]
    assert facts["inDegrees"] == "yes"
    assert (int(facts["nRows"]), int(facts["nColumns"])) == (len(rows), len(names)) == (30, 14)
    assert np.isfinite(np.array(rows, float)).all()


@pytest.mark.parametrize("unit", ["mm", "m"])
def test_trc_in_other_units_is_refused_in_one_line(tmp_path, unit):
    written(tmp_path, "trc", walking())
    path = tmp_path / "clip_px_person00.trc"
    path.write_text(path.read_text().replace("\tpx\t", f"\t{unit}\t"))
    with pytest.raises(DataError, match=f"its unit is {unit}"):
        read(path)


def test_an_openpose_folder_with_strays_and_an_empty_person_is_read(tmp_path):
    folder = written(tmp_path, "openpose", walking(3))
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "._clip_000000000000_keypoints.json").write_bytes(b"\0\5\x16\7")
    (folder / "notes.json").write_text("{}")
    (folder / "other_000000000001_keypoints.json").write_text("not ours")
    first = folder / "clip_000000000000_keypoints.json"
    value = json.loads(first.read_text())
    value["people"].insert(0, {"person_id": [-1], "pose_keypoints_2d": []})
    first.write_text(json.dumps(value))
    assert [len(r.poses) for r in read(folder)[1]] == [2, 2, 2]


def test_angles_follow_their_definitions(tmp_path):
    results = walking(1)
    xy = results[0].poses.xy.copy()
    at = {name: i for i, name in enumerate(COCO.names)}
    xy[0, at["left_hip"]], xy[0, at["left_knee"]] = (100, 100), (100, 150)
    xy[0, at["left_ankle"]] = (150, 150)  # the shank horizontal: the knee is bent by 90 degrees
    xy[0, at["left_shoulder"]] = (100, 50)  # the trunk upright above the thigh: the hip straight
    poses = replace(results[0].poses, xy=xy)
    path = written(tmp_path, "angles", [replace(results[0], poses=poses)])
    row = next(csv.DictReader(path.open()))
    assert float(row["left_knee"]) == pytest.approx(90)
    assert float(row["left_hip"]) == pytest.approx(0)
    assert float(row["left_thigh"]) == pytest.approx(0)
    assert float(row["left_shank"]) == pytest.approx(-90)  # leans to the left, from ankle to knee


def test_metres_come_from_a_persons_height(tmp_path):
    tracks = written(tmp_path, "ndjson", walking())
    convert(tracks, "trc", metres=Metres(person_height=1.75))
    lines = (tmp_path / "clip_m_person01.trc").read_text().splitlines()
    assert lines[2].split("\t")[4] == "m"
    rows = np.array([[float(c) for c in line.split("\t")[2:]] for line in lines[5:]])
    shoulder, ankle = rows[:, 3 * 6 + 1], rows[:, 3 * ANKLE + 1]  # heights, y up
    assert np.median(shoulder - ankle) == pytest.approx(1.75 * 0.779, rel=0.03)


def test_metres_come_from_a_line_and_only_where_a_file_can_say_so(tmp_path):
    tracks = written(tmp_path, "ndjson", walking())
    convert(tracks, "trc", metres=Metres(line="0,0,100,0,2.0"))
    lines = (tmp_path / "clip_m_person00.trc").read_text().splitlines()
    assert float(lines[5].split("\t")[2]) == pytest.approx(0.02 * walking()[0].poses.xy[0, 0, 0])
    with pytest.raises(SettingsError, match="csv"):
        convert(tracks, "csv", metres=Metres(line="0,0,100,0,2.0"))


@pytest.mark.parametrize(
    "name", ["dlc-csv", "dlc-h5", "sleap", "nwb", "c3d", "yolo", "coco-results"]
)
def test_new_formats_come_back(tmp_path, name):
    for module in {
        "dlc-h5": ["pandas", "tables"],
        "sleap": ["h5py"],
        "nwb": ["ndx_pose"],
        "c3d": ["ezc3d"],
    }.get(name, []):
        consumer(module)
    results = walking()
    again = [r.poses for r in read(written(tmp_path, name, results))[1]]
    assert len(again) == len(results)
    for one, two in zip(again, results, strict=True):
        assert np.array_equal(one.state != JointState.ABSENT, two.poses.state != JointState.ABSENT)
        assert one.xy == pytest.approx(two.poses.xy, abs=0.011, nan_ok=True)
        if name != "yolo":
            assert one.ids.tolist() == [0, 1]
