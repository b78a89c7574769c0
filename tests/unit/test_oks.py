"""Object keypoint similarity between poses, against its definition by hand."""

import math

import numpy as np
import pytest

from engine.skeleton import COCO
from engine.tracking.oks import body_size, similarity

SIGMAS = COCO.sigmas


def _person(x: float, y: float, size: float = 100.0) -> np.ndarray:
    rng = np.random.default_rng(7)
    return (np.array([x, y]) + size * rng.random((17, 2))).astype(np.float32)


def test_a_pose_is_wholly_like_itself():
    poses = np.stack([_person(0, 0), _person(300, 50)])
    assert np.allclose(np.diag(similarity(poses, poses, SIGMAS)), 1)


def test_every_pair_equals_the_definition_joint_by_joint():
    rng = np.random.default_rng(1)
    a = rng.uniform(0, 200, (3, 17, 2))
    b = a[[2, 0]] + rng.normal(0, 12, (2, 17, 2))
    a[0, 3] = a[1, 5] = b[0, 7] = np.nan
    size = np.array([[80.0, 90.0]])
    for i, j in np.ndindex(3, 2):
        terms = [
            math.exp(-((a[i, k] - b[j, k]) ** 2).sum() / (2 * (size[0, j] * 2 * SIGMAS[k]) ** 2))
            for k in range(17)
            if not (np.isnan(a[i, k, 0]) or np.isnan(b[j, k, 0]))
        ]
        expected = sum(terms) / len(terms)
        assert similarity(a, b, SIGMAS, size)[i, j] == pytest.approx(expected, rel=1e-12)


def test_poses_without_a_common_joint_are_not_alike():
    a, b = _person(0, 0)[None].copy(), _person(0, 0)[None].copy()
    a[0, :8] = np.nan
    b[0, 8:] = np.nan
    assert similarity(a, b, SIGMAS)[0, 0] == 0


def test_nobody_gives_an_empty_matrix():
    nobody = np.zeros((0, 17, 2), np.float32)
    assert similarity(nobody, _person(0, 0)[None], SIGMAS).shape == (0, 1)
    assert similarity(nobody, nobody, SIGMAS).shape == (0, 0)
    assert body_size(nobody).shape == (0,)


def test_similarity_does_not_depend_on_the_distance_to_the_camera():
    a, b = _person(0, 0)[None], _person(9, 4)[None]
    near, far = similarity(a, b, SIGMAS)[0, 0], similarity(a / 5, b / 5, SIGMAS)[0, 0]
    assert near == pytest.approx(far, rel=1e-5)
    assert 0.1 < near < 0.95


def test_body_size_ignores_absent_joints_and_is_not_zero_for_a_straight_line():
    xy = np.full((3, 17, 2), np.nan)
    xy[0, :4] = [[10, 10], [50, 10], [50, 110], [10, 110]]
    xy[1, :2] = [[10, 10], [10, 100]]
    xy[2, 0] = [5, 5]
    assert body_size(xy) == pytest.approx([math.sqrt(40 * 100), math.sqrt(90 * 30), 0])
