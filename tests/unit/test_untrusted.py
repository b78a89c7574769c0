"""Text from files is data: it never becomes a path, a tag, a formula or a column."""

import csv
import json

import pytest
import torch
from safetensors.torch import save_file

from app.evaluation.report import plots
from app.evaluation.report.templates import render
from app.track_report.page import document
from app.tracks.csv import CsvWriter
from app.tracks.table import FORMATS, open_writer, read, read_recording
from app.tracks.writer import Ending
from engine.coco.ground_truth import load_ground_truth
from engine.coco.metrics import judge
from engine.decoding.scoring import PAPER_SCORING, Scoring
from engine.errors import DataError, WeightsError
from engine.network import storage
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import Sizes
from engine.network.pins import pin, pinned
from engine.network.weights import load_checkpoint
from engine.offline.recording import unseen_frame
from engine.skeleton import COCO
from engine.types import Result
from tests.support.synthetic import people

SIZES = Sizes(
    width=4, stem=4, bottleneck=4, bottlenecks=1, modules=(1, 1, 1), blocks=1, head_blocks=1
)
TAG = "<svg onload=alert(1)>"


def checkpoint(folder, **notes):
    torch.manual_seed(0)
    file = folder / "w.safetensors"
    state = HigherHRNet(SIZES).state_dict()
    storage.write(file, state, network="custom", sizes=SIZES, input_size=64, **notes)
    return file


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/b", "", ".", "a\nb", TAG])
def test_a_checkpoints_name_is_no_path(tmp_path, name):
    with pytest.raises(WeightsError, match="its metadata has the name"):
        load_checkpoint(checkpoint(tmp_path, name=name))
    assert load_checkpoint(checkpoint(tmp_path, name="mine-1.2")).name == "mine-1.2"


def test_others_may_read_a_checkpoint_as_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    assert checkpoint(tmp_path).stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("value", ["nan", "-0.1", "1.5", "inf", "half", ""])
@pytest.mark.parametrize("key", ["score_by_size", "score_by_joints"])
def test_how_size_and_joints_count_is_a_share(tmp_path, key, value):
    with pytest.raises(WeightsError, match=f"its metadata has {key}"):
        load_checkpoint(checkpoint(tmp_path, **{key: value}))
    kept = Scoring(size=0.3, joints=0.4)
    assert load_checkpoint(checkpoint(tmp_path, **kept.header)).scoring == kept
    assert load_checkpoint(checkpoint(tmp_path)).scoring == PAPER_SCORING


@pytest.mark.parametrize("name", [TAG, "a,b", "=1+1", "a\nb", "a\tb", "", "x" * 200, '"'])
def test_keypoint_names_are_names_wherever_they_are_read(tmp_path, name):
    skeleton = json.dumps([name, *COCO.names[1:]])
    tensors, text = storage.read(checkpoint(tmp_path))
    save_file(tensors, tmp_path / "bad.safetensors", {**text, "keypoints": skeleton})
    with pytest.raises(WeightsError, match="no usable keypoints"):
        load_checkpoint(tmp_path / "bad.safetensors")
    tracks = tmp_path / "t.ndjson"
    header = {"type": "header", "version": 1, "size": [1, 1], "keypoints": [name, "b"]}
    tracks.write_text(json.dumps(header) + "\n")
    with pytest.raises(DataError, match=r"line 1: keypoints\[0\]"):
        read(tracks)


def results(names):
    for index in range(3):
        name = names[index] if names else ""
        frame = unseen_frame((480, 270), index, index / 25, source="clip", file_name=name)
        yield Result(frame, people(2, (480, 270), index / 25))


def tracks(folder, kind="ndjson", names=(), **fields):
    header = {
        "source": "clip",
        "size": [480, 270],
        "keypoints": list(COCO.names),
        "skeleton": [list(limb) for limb in COCO.limbs],
        **fields,
    }
    path = FORMATS[kind].path(folder, "clip")
    writer = open_writer(FORMATS[kind], path, header)
    for result in results(names):
        writer.write(result)
    writer.close(Ending(3, 6))
    return path


def test_a_page_shows_tags_as_text(tmp_path):
    path = tracks(tmp_path, source=TAG, weights={"name": TAG, "device": TAG})
    page = document(read_recording(path), path, None)
    assert "&lt;svg onload" in page
    assert TAG not in page


def test_templates_escape_unless_told_otherwise():
    page = render("base.html", title=TAG)
    assert TAG not in page
    assert "&lt;svg" in page
    assert TAG not in plots.bars([(TAG, 1.0, TAG)])
    assert TAG not in plots.stacked({TAG: 3})


def test_columns_are_quoted(tmp_path):
    CsvWriter(tmp_path / "a.csv", ('a,"b', "c")).close(Ending())
    with (tmp_path / "a.csv").open(newline="") as file:
        columns = next(csv.reader(file))
    assert columns[4] == 'a,"b_x'
    assert len(columns) == 12


def test_an_export_of_pictures_names_them_and_agrees_with_itself(tmp_path):
    names = ["f00.jpg", "sub/f01.jpg", "f02.png"]
    truth = load_ground_truth(tracks(tmp_path, "coco", names=names))
    assert [image.file for image in truth.images] == names
    rows = [
        {
            "image_id": a["image_id"],
            "category_id": 1,
            "keypoints": a["keypoints"],
            "score": 1.0,
            "bbox": a["bbox"],
        }
        for a in truth.annotations
    ]
    assert judge(truth, rows).metrics["AP"] == pytest.approx(1.0)


def test_what_pandas_and_excel_make_of_a_table_is_read(tmp_path):
    path = tracks(tmp_path, "csv")
    plain = [r.poses.xy.tolist() for r in read(path)[1]]
    lines = path.read_text().splitlines()
    columns = lines[0].split(",")
    at = columns.index("id")
    rows = [line.split(",") for line in lines[1:]]
    for row in rows:
        row[at] += ".0"
    pandas = ["," + lines[0], *(f"{n}," + ",".join(row) for n, row in enumerate(rows))]
    path.write_text("\n".join(pandas) + "\n")
    assert repr([r.poses.xy.tolist() for r in read(path)[1]]) == repr(plain)
    assert [r.poses.ids.tolist() for r in read(path)[1]] == [[0, 1]] * 3
    excel = "\ufeff" + "\r\n".join(";".join(c.replace(".", ",") for c in row) for row in rows)
    path.write_bytes(("\ufeff" + lines[0].replace(",", ";") + "\r\n" + excel[1:]).encode())
    assert repr([r.poses.xy.tolist() for r in read(path)[1]]) == repr(plain)


def test_the_whole_hash_is_pinned_after_the_first_download(tmp_path):
    assert pinned(tmp_path, "w32-512") is None
    pin(tmp_path, "w32-512", "ab" * 32)
    pin(tmp_path, "w32-512", "ab" * 32)
    assert pinned(tmp_path, "w32-512") == "ab" * 32
    with pytest.raises(WeightsError, match="the published file was replaced"):
        pin(tmp_path, "w32-512", "ab" * 4 + "cd" * 28)
    (tmp_path / "pinned.json").write_bytes(b"\xff{")
    with pytest.raises(WeightsError, match="remove it"):
        pinned(tmp_path, "w32-512")


def test_the_rate_of_a_trc_file_is_that_of_its_times(tmp_path):
    tracks(tmp_path, "trc", rate=1000)
    file = next(tmp_path.glob("*.trc"))
    keys, values = (line.split("\t") for line in file.read_text().splitlines()[1:3])
    assert float(dict(zip(keys, values, strict=True))["DataRate"]) == pytest.approx(25)
