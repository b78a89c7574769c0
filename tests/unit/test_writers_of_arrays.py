"""Files of arrays (C3D, HDF5) and YOLO's folders give back what was written, whatever it was.

`HYPOTHESIS_PROFILE=deep` tries a thousand recordings of each format instead of a few.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.tracks.table import FORMATS, open_writer, read
from app.tracks.trc import keypoint_of, marker
from engine.errors import OutputError
from engine.offline.recording import unseen_frame
from engine.reading.fields import LARGEST_ID
from engine.types import JointState, Poses, Result
from tests.support.tracks import write_all
from tests.support.walking import HEADER, walking

# How far coordinates may be from those written, in pixels.
PLACES = {"c3d": 1e-3, "sleap": 0, "nwb": 0, "dlc-csv": 1e-3, "dlc-h5": 1e-3}
_SIGNS = " .:()/&#+-"  # that names of keypoints may have
_NOT_ALLOWED = {"c3d": ":", "nwb": "/:"}  # of these
IDS = st.one_of(st.integers(0, 120), st.integers(0, LARGEST_ID))
_quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def names_of(kind):
    """Up to four different names that a format can hold."""
    signs = "".join(sign for sign in _SIGNS if sign not in _NOT_ALLOWED.get(kind, ""))
    letters = st.sampled_from("abLR_019\u00e9\u4f60")
    inner = st.text(st.one_of(letters, st.sampled_from(signs)), max_size=8)
    return st.lists(
        st.builds("{}{}{}".format, letters, inner, letters), min_size=1, max_size=4, unique=True
    )


@st.composite
def recordings(draw, kind):
    """Names of keypoints, and results of up to five frames with up to three people each."""
    names = draw(names_of(kind))
    everyone = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    index = sorted(draw(st.sets(st.integers(0, 9), min_size=1, max_size=5)))
    return names, [draw(_results(t, len(names), everyone)) for t in index]


@st.composite
def _results(draw, t, keypoints, everyone):
    ids = np.array(sorted(draw(st.sets(st.sampled_from(everyone)))), np.int32)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    there = rng.random((len(ids), keypoints)) < 0.7
    there[:, :1] = True  # a person without any keypoint is none
    far = draw(st.sampled_from([1.0, 700.0, 1e6]))
    xy = np.where(there[..., None], rng.uniform(-far, far, (*there.shape, 2)), np.nan)
    xy = xy.astype(np.float32)
    score = np.where(there, rng.random(there.shape), 0).astype(np.float32)
    state = np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8)
    poses = Poses(xy, score, rng.random(len(ids)).astype(np.float32), ids, state, xy)
    return Result(unseen_frame((64, 36), t, t / 25), poses)


@pytest.mark.parametrize("name", PLACES)
@_quiet
@given(data=st.data())
def test_what_is_written_is_read_back(tmp_path, name, data):
    names, results = data.draw(recordings(name))
    path = FORMATS[name].path(tmp_path, "clip")
    stored = [keypoint_of(marker(part)) for part in names] if name == "c3d" else names
    try:
        writer = open_writer(FORMATS[name], path, header_of(names))
    except OutputError:
        assume(False)
    write_all([writer], results)
    found, back = read(path, FORMATS[name])
    assert found["keypoints"] == stored
    frames = {result.frame.index: result for result in back}
    for wanted in results:
        poses = frames.pop(wanted.frame.index).poses
        assert poses.ids.tolist() == wanted.poses.ids.tolist()
        assert np.array_equal(poses.state, wanted.poses.state)
        assert poses.xy == pytest.approx(wanted.poses.xy, abs=PLACES[name], nan_ok=True)
        if name != "c3d":
            assert poses.joint_score == pytest.approx(wanted.poses.joint_score, abs=1e-4)
    assert not any(len(result.poses) for result in frames.values())


def header_of(names):
    return {**HEADER, "keypoints": names, "skeleton": [[0, len(names) - 1]]}


@pytest.mark.parametrize(
    ("name", "keypoints", "message"),
    [
        ("c3d", ["hand:tip", "nose"], "in C3D a colon ends a person's name"),
        ("c3d", ["thumb_tip", "thumbtip", "ThumbTip"], "would both be the marker Thumbtip"),
        ("trc", ["___", "nose"], "keypoint '___' has no marker '': must be a name"),
        ("trc", ["thumb tip", "THUMB TIP"], "would both be the marker Thumb Tip"),
        ("nwb", ["hand/tip", "nose"], "no / and no : in names, and a keypoint is 'hand/tip'"),
    ],
)
def test_names_that_a_format_cannot_hold_are_refused_before_the_first_frame(
    tmp_path, name, keypoints, message
):
    with pytest.raises(OutputError, match=message):
        open_writer(FORMATS[name], FORMATS[name].path(tmp_path, "clip"), header_of(keypoints))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [*PLACES, "trc"])
def test_the_largest_id_is_read_back(tmp_path, name):
    path = FORMATS[name].path(tmp_path, "clip")
    ids = np.array([LARGEST_ID], np.int32)
    results = [replace(r, poses=replace(r.poses.take([1]), ids=ids)) for r in walking(2)]
    write_all([open_writer(FORMATS[name], path, HEADER)], results)
    path = next(tmp_path.glob("*.trc"), path)
    assert [r.poses.ids.tolist() for r in read(path)[1]] == [[LARGEST_ID]] * 2
