"""Files of arrays (C3D, HDF5) and YOLO's folders, damaged: the right value or one line, no more.

`HYPOTHESIS_PROFILE=deep` tries a thousand changes of each file instead of a few.
"""

import pickle
import struct
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.tracks.c3d_points import read_points
from app.tracks.table import FORMATS, open_writer, read
from engine.errors import DataError, OutputError, PoseError
from engine.skeleton import COCO
from engine.types import JointState, no_people
from tests.support.mutations import changed_bytes
from tests.support.tracks import write_all
from tests.support.walking import HEADER, RATE, walking

ARRAYS = ("c3d", "dlc-h5", "sleap", "nwb", "yolo")
HDF5 = ("dlc-h5", "sleap", "nwb")
_quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def write(folder, name, results, header=HEADER):
    folder.mkdir(parents=True, exist_ok=True)
    path = FORMATS[name].path(folder, "clip")
    write_all([open_writer(FORMATS[name], path, header)], iter(results))
    return path


def one_person(frames=6):
    return [replace(r, poses=r.poses.take(r.poses.ids == 1)) for r in walking(frames)]


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """A file of each format, with six frames in it; not to be changed."""
    folder = tmp_path_factory.mktemp("valid")
    return {name: write(folder, name, walking(6)) for name in ARRAYS}


def sensible(path, name):
    """Read all of a file: what comes has numbers that can be used; a refusal is one line."""
    try:
        header, results = read(path, FORMATS[name])
        for result in results:
            poses = result.poses
            there = poses.state != JointState.ABSENT
            known = [i for i in poses.ids.tolist() if i >= 0]
            assert len(set(known)) == len(known)
            assert np.abs(poses.xy[there]).max(initial=0) <= 1e7  # false for NaN
            assert np.isnan(poses.xy[~there]).all()
            assert np.isfinite(poses.joint_score).all()
            assert np.isfinite(poses.score).all()
            assert np.isfinite(result.frame.time)
            assert poses.xy.shape[1] == len(header["keypoints"])
    except PoseError as error:
        text = str(error)
        assert str(path) in text
        assert "\n" not in text
        assert len(text) < 1000


@pytest.mark.parametrize("name", ["c3d", "dlc-h5", "sleap", "nwb"])
@_quiet
@given(data=st.data())
def test_damaged_bytes(tmp_path, valid, name, data):
    path = tmp_path / valid[name].name
    path.write_bytes(data.draw(changed_bytes(valid[name].read_bytes())))
    sensible(path, name)


@_quiet
@given(data=st.data())
def test_damaged_heads_of_c3d(tmp_path, valid, data):
    content = valid["c3d"].read_bytes()
    head = data.draw(changed_bytes(content[:1024]))
    path = tmp_path / "clip.c3d"
    path.write_bytes(head + content[1024:])
    sensible(path, "c3d")


@pytest.mark.parametrize("file", ["data.yaml", "train/labels/clip_000003.txt"])
@_quiet
@given(data=st.data())
def test_damaged_files_of_yolo(tmp_path, file, data):
    path = tmp_path / "clip_yolo"
    if not path.exists():
        write(tmp_path, "yolo", walking(6))
        (tmp_path / "valid").write_bytes((path / file).read_bytes())
    (path / file).write_bytes(data.draw(changed_bytes((tmp_path / "valid").read_bytes())))
    sensible(path, "yolo")


# What a data set may be replaced by: other types, other shapes, numbers that are none, none at all.
_VALUES = [
    *(np.float64("nan"), np.inf, -1, 0, 1e300, 2**62, b"x", "\u00e9", b"\xff\xfe", "a\nb", ""),
    *([], [[]], np.zeros((3, 0)), np.zeros((0, 2, 17, 6)), np.full((6, 2), np.nan)),
    *(np.full((2, 2, 17, 6), 1e30), np.zeros((2, 2, 17, 5)), np.zeros(6), np.array([b"a", b"a"])),
    *(np.arange(6)[::-1], np.zeros((6, 102)), np.full((6, 102), np.inf), np.array(["a"] * 17, "S")),
    *(np.zeros(4, [("index", "i8"), ("values_block_0", "f8", 3)]), np.array([1 + 2j])),
]
_LINKS = [
    h5py.SoftLink("/"),
    h5py.SoftLink("circle"),
    h5py.SoftLink("/nowhere"),
    h5py.ExternalLink("/dev/zero", "/"),
]


def paths_of(file):
    """The data sets and groups that are read; the rest of NWB, its specifications, is long."""
    found = []
    file.visit(lambda path: found.append(path) if "specifications" not in path else None)
    return sorted(found)


@pytest.mark.parametrize("name", HDF5)
@_quiet
@given(data=st.data())
def test_other_contents_of_hdf5(tmp_path, valid, name, data):
    path = tmp_path / valid[name].name
    path.write_bytes(valid[name].read_bytes())
    with h5py.File(path, "r+") as file:
        for _ in range(data.draw(st.integers(1, 2))):
            at = data.draw(st.sampled_from(paths_of(file) or [""]))
            if not at:
                break
            if data.draw(st.integers(0, 3)) == 0 and len(file[at].attrs):
                key = data.draw(st.sampled_from(sorted(file[at].attrs)))
                file[at].attrs[key] = data.draw(st.sampled_from(_VALUES))
                continue
            del file[at]
            match data.draw(st.integers(0, 3)):
                case 0:
                    file[at] = data.draw(st.sampled_from(_LINKS))
                case 1:
                    shape = data.draw(st.sampled_from([(2, 2, 17, 2**40), (2**34,), (2**40, 0)]))
                    chunks = tuple(min(8, n) for n in shape) if all(shape) else None
                    file.create_dataset(at, shape, "f8", chunks=chunks)
                case 2:
                    file[at] = data.draw(st.sampled_from(_VALUES))
    sensible(path, name)


def changed(valid, folder, name, change):
    """A copy of a file, changed by a function of the open HDF5 file."""
    path = folder / valid[name].name
    path.write_bytes(valid[name].read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def test_half_a_coordinate_is_an_absent_keypoint(tmp_path, valid):
    def change(file):
        file["tracks"][1, 0, 5, 3] = np.nan

    results = list(read(changed(valid, tmp_path, "sleap", change))[1])
    assert results[3].poses.state[1, 5] == JointState.ABSENT
    assert np.isnan(results[3].poses.xy[1, 5]).all()
    assert results[2].poses.state[1, 5] == JointState.DETECTED


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e30])
def test_a_number_out_of_proportion_is_refused_with_its_frame(tmp_path, valid, value):
    def change(file):
        file["tracks"][1, 0, 5, 3] = value

    with pytest.raises(DataError, match=r"analysis\.h5: frame 3: a coordinate is"):
        read(changed(valid, tmp_path, "sleap", change))


def test_an_array_that_no_file_of_this_size_can_hold_is_not_read(tmp_path, valid):
    def change(file):
        del file["tracks"]
        file.create_dataset("tracks", (2, 2, 17, 2**30), "f8", chunks=(1, 1, 1, 1024))

    path = changed(valid, tmp_path, "sleap", change)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="too large for this file"):
        read(path)


def test_nothing_is_read_from_another_file(tmp_path, valid):
    def link(file):
        del file["tracks"]
        file["tracks"] = h5py.ExternalLink(str(valid["sleap"]), "/tracks")

    def store(file):
        del file["tracks"]
        outside = [(str(valid["sleap"]), 0, 2 * 2 * 17 * 6 * 8)]
        file.create_dataset("tracks", (2, 2, 17, 6), "f8", external=outside)

    for change in (link, store):
        with pytest.raises(DataError, match="tracks lies in another file"):
            read(changed(valid, tmp_path, "sleap", change))


class Attack:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("layout", ["fixed", "table"])
def test_pickles_in_tables_are_not_executed(tmp_path, valid, layout):
    path, trap = tmp_path / "clip.dlc.h5", tmp_path / "executed"
    pd.read_hdf(valid["dlc-h5"]).to_hdf(path, key="df_with_missing", format=layout)
    evil = np.bytes_(pickle.dumps(Attack(trap), 0))
    with h5py.File(path, "r+") as file:
        for at in ("df_with_missing", "df_with_missing/table"):
            for key in file[at].attrs if at in file else ():
                if "kind" in key or "axes" in key or "info" in key or "encoding" in key:
                    file[at].attrs[key] = evil
    sensible(path, "dlc-h5")
    assert not trap.exists()


def places(path, name):
    return np.array([r.poses.xy for r in read(path, FORMATS[name])[1]])


@pytest.mark.parametrize("layout", ["fixed", "table"])
def test_tables_are_read_as_pandas_stores_them(tmp_path, valid, layout):
    table = pd.read_hdf(valid["dlc-h5"])
    table.columns = table.columns.set_levels(
        ["\u00e9paule" if part == "nose" else part for part in table.columns.levels[2]], level=2
    )
    single = table["posestream"]["person01"]
    single.columns = pd.MultiIndex.from_tuples(
        [("net", *column) for column in single.columns], names=["scorer", "bodyparts", "coords"]
    )
    for number, stored in enumerate((table, single)):
        path = tmp_path / f"{number}.h5"
        stored.to_hdf(path, key="df_with_missing", format=layout, complib="zlib", complevel=5)
        assert "\u00e9paule" in read(path, FORMATS["dlc-h5"])[0]["keypoints"]
        wanted = np.array([r.poses.xy for r in walking(6)])[:, number:]
        assert places(path, "dlc-h5") == pytest.approx(wanted, abs=1e-3, nan_ok=True)


def test_c3d_is_read_as_its_library_reads_it(valid):
    ezc3d = pytest.importorskip("ezc3d")
    ours, theirs = read_points(valid["c3d"]), ezc3d.c3d(str(valid["c3d"]))
    assert ours.labels == theirs["parameters"]["POINT"]["LABELS"]["value"]
    assert ours.rate == theirs["parameters"]["POINT"]["RATE"]["value"][0]
    xyz = theirs["data"]["points"][:3].transpose(2, 1, 0)
    assert np.array_equal(ours.xyz, xyz, equal_nan=True)


def test_c3d_of_sixteen_people_has_labels_in_several_lists(tmp_path):
    results = []
    for result in walking(3):
        rows = np.arange(32) // 2 % 2
        poses = replace(result.poses.take(rows[:16]), ids=np.arange(16, dtype=np.int32))
        results.append(replace(result, poses=poses))
    path = write(tmp_path, "c3d", results)
    assert len(read_points(path).labels) == 16 * 17
    assert [r.poses.ids.tolist() for r in read(path)[1]] == [list(range(16))] * 3
    assert places(path, "c3d") == pytest.approx(
        np.array([r.poses.xy for r in results]), nan_ok=True
    )


def c3d_of_integers(path, labels, points, scale):
    """A file of 16-bit numbers, as older systems write them; points are (T, P, 4) int16."""
    frames, count, _ = points.shape
    head = struct.pack("<BB4HHfHHf", 2, 0x50, count, 0, 1, frames, 0, scale, 3, 0, 50.0)
    parameters = bytearray(struct.pack("<4B", 1, 0x50, 1, 84) + b"\x05\xffPOINT\x03\x00\x00")

    def add(name, kind, shape, raw):
        body = struct.pack("<bB", kind, len(shape)) + bytes(shape) + raw + b"\0"
        parameters.extend(struct.pack("<bb", len(name), 1) + name.encode())
        parameters.extend(struct.pack("<h", len(body) + 2) + body)

    width = max(map(len, labels))
    add("LABELS", -1, [width, count], b"".join(name.encode().ljust(width) for name in labels))
    add("UNITS", -1, [2], b"px")
    add("RATE", 4, [], struct.pack("<f", 50.0))
    content = head.ljust(512, b"\0") + bytes(parameters).ljust(512, b"\0")
    path.write_bytes(content + points.astype("<i2").tobytes())
    return path


def test_c3d_of_integers_is_scaled(tmp_path):
    points = np.array([[[10, 20, 0, 0], [30, 40, 0, 0]], [[11, 21, 0, 0], [0, 0, 0, -1]]])
    path = c3d_of_integers(tmp_path / "old.c3d", ["Nose", "LHip"], points, 0.5)
    header, results = read(path)
    first, second = (r for r in results)
    assert header["keypoints"] == ["nose", "left_hip"]
    assert first.poses.xy[0].tolist() == [[5, 10], [15, 20]]
    assert second.poses.state[0].tolist() == [JointState.DETECTED, JointState.ABSENT]
    assert second.frame.time == pytest.approx(1 / 50)


def test_cut_c3d_says_what_was_announced(tmp_path, valid):
    path = tmp_path / "clip.c3d"
    path.write_bytes(valid["c3d"].read_bytes()[:-512])
    with pytest.raises(DataError, match="6 frames of 34 points are announced"):
        read(path)


@pytest.mark.parametrize("name", ["c3d", "dlc-csv", "dlc-h5", "sleap", "nwb"])
def test_one_person_keeps_the_id_and_an_empty_room_its_frames(tmp_path, name):
    path = write(tmp_path / "one", name, one_person())
    assert [r.poses.ids.tolist() for r in read(path)[1]] == [[1]] * 6
    empty = [replace(r, poses=no_people(len(COCO))) for r in walking(6)]
    header, results = read(write(tmp_path / "empty", name, empty))
    assert header["keypoints"] == list(COCO.names)
    assert [len(r.poses) for r in results] == [0] * 6


@pytest.mark.parametrize("name", ["dlc-csv", "dlc-h5", "sleap", "nwb"])
def test_no_frames_come_back_as_none(tmp_path, name):
    assert list(read(write(tmp_path, name, []))[1]) == []


def test_c3d_of_no_frames_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be without frames"):
        write(tmp_path, "c3d", [])


@pytest.mark.parametrize("label", ["../secret", "/etc/hostname", "a/b", "..", "", "a\\b", "a\0b"])
def test_labels_of_yolo_are_in_its_folder(tmp_path, label):
    path = write(tmp_path, "yolo", walking(6))
    (path / "train" / "secret.txt").write_text("0\n")
    text = (path / "data.yaml").read_text()
    quoted = label.replace("\\", "\\\\").replace("\0", "\\u0000")
    (path / "data.yaml").write_text(text.replace('"clip_000003"', f'"{quoted}"'))
    with pytest.raises(DataError, match=r"data\.yaml: frames\[3\]\[0\]: must be a file's name"):
        read(path)


def test_a_wrong_label_of_yolo_is_named_with_its_line(tmp_path):
    path = write(tmp_path, "yolo", walking(6))
    file = path / "train/labels/clip_000002.txt"
    file.write_text(file.read_text() + "0 0.5 0.5 nan\n")
    with pytest.raises(DataError, match=r"clip_000002\.txt, line 3: has 4 numbers"):
        list(read(path)[1])
    line = file.read_text().splitlines()[0].split()
    file.write_text(" ".join([*line[:5], "nan", *line[6:]]) + "\n")
    with pytest.raises(DataError, match=r"clip_000002\.txt, line 1: a keypoint is empty"):
        list(read(path)[1])


def dlc_table(*rows, scorer="net"):
    heads = ["scorer", "individuals", "bodyparts", "coords"]
    names = [[scorer] * 3, ["person4"] * 3, ["nose"] * 3, ["x", "y", "likelihood"]]
    lines = [",".join([head, *cells]) for head, cells in zip(heads, names, strict=True)]
    return "\n".join([*lines, *rows]) + "\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["0,1,2,1", "0,3,4,1"], "a frame is in it twice"),
        (["90000000000,1,2,1"], "one of them is number 90000000000"),
        (["0,1,inf,1"], r"line 5: a coordinate must be a number, got 'inf'"),
        (["0,1,2"], "line 5: a coordinate is missing"),
        (["-1,1,2,1"], "line 5: frame must be a whole number from 0"),
    ],
)
def test_tables_of_deeplabcut_that_cannot_be_meant(tmp_path, rows, message):
    path = tmp_path / "clip.dlc.csv"
    path.write_text(dlc_table(*rows))
    with pytest.raises(DataError, match=message):
        read(path)


def test_a_table_of_deeplabcut_may_leave_frames_out(tmp_path):
    path = tmp_path / "clip.dlc.csv"
    path.write_text(dlc_table("2,10,20,0.5", "4,11,,0.5"))
    results = list(read(path)[1])
    assert [r.poses.ids.tolist() for r in results] == [[], [], [4], [], []]
    assert results[2].poses.joint_score[0, 0] == pytest.approx(0.5)


def test_nwb_with_a_rate_instead_of_times(tmp_path, valid):
    def change(file):
        for person in ("person00", "person01"):
            for part in COCO.names:
                series = file[f"processing/behavior/{person}/{part}"]
                del series["timestamps"]
                series["starting_time"] = 2.0
                series["starting_time"].attrs["rate"] = 10.0

    results = list(read(changed(valid, tmp_path, "nwb", change))[1])
    assert [r.frame.time for r in results] == pytest.approx([2 + t / 10 for t in range(6)])


def test_nwb_of_people_with_different_times_is_refused(tmp_path, valid):
    def change(file):
        series = file["processing/behavior/person01/nose"]
        del series["timestamps"]
        series["timestamps"] = np.arange(6) / RATE + 1

    with pytest.raises(DataError, match="person01/nose has other times than"):
        read(changed(valid, tmp_path, "nwb", change))
