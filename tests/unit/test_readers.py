"""Every reader of a file gives a result or one line that says what is wrong: never anything else.

`HYPOTHESIS_PROFILE=deep` tries a thousand changes of each file instead of a few.
"""

import io
import json
import zipfile

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from app.evaluation.compare import _ROWS
from app.tracks.edits import EditedTracks, read_log
from app.tracks.table import FORMATS, open_writer
from app.tracks.table import read as read_tracks
from app.tracks.writer import Ending
from engine.coco.ground_truth import load_ground_truth
from engine.errors import PoseError
from engine.network import storage
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import Sizes
from engine.network.thresholds import thresholds_of
from engine.network.weights import load_checkpoint
from engine.offline.recording import unseen_frame
from engine.reading.typed import from_json, read_bytes
from engine.settings import load_settings
from engine.skeleton import COCO
from engine.training.annotations import load_annotations, load_pack
from engine.training.pack import Packing, pack
from engine.types import Result
from tests.support.mutations import changed_bytes, changed_json
from tests.support.synthetic import people

HEADER = {
    "source": "clip.mp4",
    "kind": "video",
    "size": [480, 270],
    "rate": 25.0,
    "keypoints": list(COCO.names),
    "skeleton": [list(limb) for limb in COCO.limbs],
    "weights": {"name": "compact", "device": "cpu"},
}


TRACKS = ("ndjson", "csv", "parquet", "coco", "openpose", "trc", "mot", "coco-results", "dlc-csv")


def some_results():
    for index in range(4):
        frame = unseen_frame((480, 270), index, index / 25, source="clip.mp4")
        yield Result(frame, people(index % 3, (480, 270), index / 25))


def written(folder, name):
    """The file of a format, with four frames in it."""
    kind = FORMATS[name]
    path = kind.path(folder, "clip")
    writer = open_writer(kind, path, HEADER)
    for result in some_results():
        writer.write(result)
    writer.close(Ending(4, 4))
    if name == "trc":
        return next(folder.glob("*.trc"))
    return sorted(path.iterdir())[1] if path.is_dir() else path


def need_line(error):
    """The complaint is a line that can be read."""
    text = str(error)
    assert text
    assert "\n" not in text
    assert len(text) < 2000


def consume(read, path):
    """Read all of a file; a refusal is one line."""
    try:
        found = read(path)
        if isinstance(found, tuple) and len(found) == 2 and hasattr(found[1], "__next__"):
            for _ in found[1]:
                pass
    except PoseError as error:
        need_line(error)


def a_set(folder):
    """A COCO data set of two images, and a shard of it."""
    cv2.imwrite(str(folder / "a.jpg"), np.zeros((40, 60, 3), np.uint8))
    points = [10, 10, 2, 20, 12, 1, 15, 30, 2]
    box = {"bbox": [5, 5, 20, 30], "area": 400.0, "iscrowd": 0, "num_keypoints": 3}
    crowd = {"segmentation": {"size": [40, 60], "counts": [100, 50, 2250]}, "iscrowd": 1}
    return {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 60, "height": 40}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "keypoints": points, **box},
            {"id": 2, "image_id": 7, "category_id": 1, "keypoints": [0] * 9, **box, **crowd},
        ],
        "categories": [
            {"id": 1, "name": "cat", "keypoints": ["a", "b", "c"], "skeleton": [[1, 2], [2, 3]]}
        ],
    }


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def check(data, valid, file, read, as_json=None):
    """A change of the valid content, written and read."""
    changes = [changed_bytes(valid)] + ([changed_json(as_json)] if as_json is not None else [])
    file.write_bytes(data.draw(st.one_of(changes)))
    consume(read, file)


_quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.parametrize("name", TRACKS)
@_quiet
@given(data=st.data())
def test_tracks(tmp_path, name, data):
    path = tmp_path / name
    if not path.exists():
        path.mkdir()
        path = written(path, name)
        path.with_name("valid").write_bytes(path.read_bytes())
    folder = tmp_path / name / "clip_json" if name == "openpose" else tmp_path / name
    valid = (folder / "valid").read_bytes()
    file = next(p for p in sorted(folder.iterdir()) if p.name != "valid" and p.is_file())
    is_json = name in ("coco", "coco-results", "openpose")
    read = lambda _: read_tracks(folder if name == "openpose" else file, FORMATS[name])  # noqa: E731
    check(data, valid, file, read, json.loads(valid) if is_json else None)


@_quiet
@given(data=st.data())
def test_lines_of_ndjson(tmp_path, data):
    file = tmp_path / "clip.ndjson"
    values = lines_of(written(tmp_path, "ndjson"))
    row = data.draw(st.integers(0, len(values) - 1))
    lines = [json.dumps(value).encode() for value in values]
    lines[row] = data.draw(changed_json(values[row]))
    file.write_bytes(b"\n".join(lines) + b"\n")
    consume(lambda path: read_tracks(path), file)
    consume(lambda path: EditedTracks(path).ids(), file)


@pytest.mark.parametrize("use", ["measuring", "training", "packing"])
@_quiet
@given(data=st.data())
def test_annotations(tmp_path, use, data):
    content = a_set(tmp_path)
    (tmp_path / "out").mkdir(exist_ok=True)
    for old in (tmp_path / "out").iterdir():
        old.unlink()
    packing = Packing(short_side=20)
    read = {
        "measuring": load_ground_truth,
        "training": lambda file: load_annotations(file, tmp_path),
        "packing": lambda file: pack(file, tmp_path, tmp_path / "out", "p", packing),
    }[use]
    check(data, json.dumps(content).encode(), tmp_path / "a.json", read, content)


@_quiet
@given(data=st.data())
def test_shards(tmp_path, data):
    shard = tmp_path / "p" / "p-00001-of-00001.zip"
    content = a_set(tmp_path)
    if not shard.exists():
        (tmp_path / "a.json").write_text(json.dumps(content))
        pack(tmp_path / "a.json", tmp_path, shard.parent, "p", Packing())
        (tmp_path / "valid.zip").write_bytes(shard.read_bytes())
    shard = tmp_path / "p" / f"p{data.draw(st.integers(0, 10**9))}-00001-of-00001.zip"
    for old in shard.parent.iterdir():
        old.unlink()
    if data.draw(st.booleans()):
        shard.write_bytes(data.draw(changed_bytes((tmp_path / "valid.zip").read_bytes())))
    else:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr("annotations.json", data.draw(changed_json(content)))
            file.write(tmp_path / "a.jpg", "a.jpg")
        shard.write_bytes(packed.getvalue())
    consume(lambda folder: [p.pixels() for p in load_pack(folder).pictures], shard.parent)


@_quiet
@given(data=st.data())
def test_results_to_compare(tmp_path, data):
    rows = [{"image_id": 7, "category_id": 1, "keypoints": [1.0] * 9, "score": 0.5}]
    read = lambda file: from_json(read_bytes(file), _ROWS, str(file))  # noqa: E731
    check(data, json.dumps(rows).encode(), tmp_path / "r.json", read, rows)


@_quiet
@given(data=st.data())
def test_edits(tmp_path, data):
    edit = {"edit": "swap", "ids": [0, 1], "start": 0.5, "end": 2.0}
    check(data, json.dumps(edit).encode() + b"\n", tmp_path / "e.jsonl", read_log, edit)


@_quiet
@given(data=st.data())
def test_settings(tmp_path, data):
    valid = b"""
[engine]
weights = "compact"
scales = [1.0, 2.0]
batch = 4
[grouping]
peak_threshold = 0.1
[output]
formats = ["ndjson", "csv"]
"""
    check(data, valid, tmp_path / "s.toml", load_settings)
    text = data.draw(changed_bytes(b"engine.batch=4")).decode(errors="surrogateescape")
    consume(lambda change: load_settings(None, (change,)), text)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A small network's file."""
    file = tmp_path_factory.mktemp("weights") / "w.safetensors"
    sizes = Sizes(
        width=4, stem=4, bottleneck=4, bottlenecks=1, modules=(1, 1, 1), blocks=1, head_blocks=1
    )
    storage.write(
        file, HigherHRNet(sizes).state_dict(), network="custom", sizes=sizes, input_size=64
    )
    return file


@_quiet
@given(data=st.data())
def test_checkpoints(tmp_path, checkpoint, data):
    tensors, text = storage.read(checkpoint)
    file = tmp_path / "w.safetensors"
    text = dict(text, name="mine", thresholds='{"min_score": 0.1, "min_joints": 3}')
    key = data.draw(st.sampled_from(sorted(text)))
    text[key] = data.draw(changed_bytes(text[key].encode())).decode(errors="replace")
    content = save(tensors, text)
    if data.draw(st.booleans()):
        head = content[:40_000]
        content = data.draw(changed_bytes(head)) + content[len(head) :]
    file.write_bytes(content)
    consume(load_checkpoint, file)
    consume(thresholds_of, str(file))
