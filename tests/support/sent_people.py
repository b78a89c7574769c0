"""The people of NDJSON lines, to be compared with what receivers of live results got."""

import json

import numpy as np
import pytest

from app.tracks.ndjson_writer import NdjsonWriter, header_of
from engine.skeleton import COCO
from engine.sources.source import SourceInfo


def header(result):
    info = SourceInfo(kind="camera", size=result.frame.size, live=True)
    return header_of(result.frame.source, info, COCO.names, COCO.limbs)


class _Kept(list):
    """Lines, as the tracks file has them."""

    def add(self, line):
        self.append(json.loads(line))

    def close(self):
        pass


def ndjson(made):
    """index -> people: id, score and (K, 3) with NaN where absent."""
    lines = _Kept()
    writer = NdjsonWriter(lines, header(made[0]), raw=False)
    for result in made:
        writer.write(result)
    return by_index(lines)


def by_index(lines):
    """The same of lines that were read."""
    return {line["index"]: people(line) for line in lines if line["type"] == "frame"}


def people(line):
    absent = [np.nan, np.nan, 0.0]
    return [
        (p["id"], p["score"], np.array([k or absent for k in p["keypoints"]], np.float32))
        for p in line["people"]
    ]


def of_osc(messages):
    """The same of (address, values) of Open Sound Control, in the order they came."""
    found, index = {}, -1
    for address, values in messages:
        if address.endswith("frame"):
            index = values[1]
            found[index] = []
        elif address.endswith("person"):
            _, number, _, score, *joints = values
            found[index].append((number, score, np.array(joints, np.float32).reshape(-1, 3)))
    return found


def of_lsl(sample, places):
    """The people of one sample with so many places."""
    rows = np.array(sample, np.float32).reshape(places, -1)
    here = rows[~np.isnan(rows[:, 0])]
    return [(int(row[0]), row[1], row[2:].reshape(-1, 3)) for row in here]


def same(found, expected):
    assert found.keys() == expected.keys()
    for index, line in expected.items():
        assert len(found[index]) == len(line)
        for (number, score, joints), (n, s, j) in zip(found[index], line, strict=True):
            assert number == n
            assert score == pytest.approx(s, abs=1e-4)
            np.testing.assert_allclose(joints, j, atol=1e-3)
