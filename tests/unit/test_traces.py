"""Trails, heads and counts over the frames of a source; angles of one."""

import numpy as np
import pytest

from app.overlay.angles import angles_of
from app.overlay.look import Look, Zone
from app.overlay.traces import Tracer
from engine.settings import DisplaySettings
from engine.skeleton import COCO
from engine.types import Frame, JointState, Poses, no_people

PIXELS = np.zeros((100, 200, 3), np.uint8)


def frame(time, segment=0):
    return Frame(PIXELS, round(time * 10), time, 0.0, "a", segment)


def person(*places):
    """People whose joints lie in a column around each place."""
    xy = np.array(places, np.float32)[:, None] + np.stack([np.zeros(17), np.arange(17) - 8], -1)
    count = len(places)
    score = np.full((count, 17), 0.9, np.float32)
    state = np.full((count, 17), JointState.DETECTED, np.uint8)
    numbers = np.arange(count, dtype=np.int32)
    return Poses(xy.astype(np.float32), score, score[:, 0], numbers, state, xy.astype(np.float32))


def test_people_are_counted_when_they_cross_a_line_in_either_direction():
    look = Look(zones={"a": Zone("line", (0.5, 0.0), (0.5, 1.0))})
    tracer = Tracer()
    for i, x in enumerate((80, 95, 105, 120, 103, 97, 60)):  # over the line and back
        traces = tracer(frame(i / 10), person((x, 50)), look)
    assert (traces.came, traces.left) == (1, 1)


def test_beside_the_ends_of_a_line_it_is_not_crossed():
    look = Look(zones={"a": Zone("line", (0.5, 0.0), (0.5, 0.2))})
    tracer = Tracer()
    tracer(frame(0.0), person((90, 80)), look)
    traces = tracer(frame(0.1), person((110, 80)), look)
    assert (traces.came, traces.left) == (0, 0)


def test_a_region_counts_who_is_in_who_came_and_who_left():
    look = Look(zones={"a": Zone("region", (0.4, 0.1), (0.6, 0.9))})
    tracer = Tracer()
    tracer(frame(0.0), person((20, 50), (100, 50)), look)
    traces = tracer(frame(0.1), person((100, 50), (100, 50)), look)
    assert (traces.inside, traces.came, traces.left) == (2, 1, 0)
    traces = tracer(frame(0.2), person((100, 50), (190, 50)), look)
    assert (traces.inside, traces.came, traces.left) == (1, 1, 1)
    other = Look(zones={"a": Zone("region", (0.0, 0.0), (0.1, 0.1))})
    assert tracer(frame(0.3), person((100, 50)), other).came == 0, "another zone counts anew"


def test_a_trail_has_the_last_seconds_of_the_chosen_joints_and_ends_at_a_seek():
    look = Look(display=DisplaySettings(trails=("left_wrist",)))
    tracer = Tracer()
    for i in range(30):
        traces = tracer(frame(i / 10), person((i, 50)), look)
    trail = traces.trails[0]
    assert trail.shape[0] in (15, 16)
    assert trail.shape[1:] == (1, 3)
    assert trail[-1, 0, 0] == 29
    assert tracer(frame(0.5, 1), person((5, 50)), look).trails[0].shape[0] == 1


def test_nothing_is_left_of_before_the_source_was_opened_anew():
    look = Look(display=DisplaySettings(trails=("left_wrist",)))
    tracer = Tracer()
    for i in range(5):
        tracer(frame(100 + i / 10), person((i, 50)), look)
    anew = tracer(frame(0.0), no_people(17), look)
    assert not anew.trails


def test_a_head_stays_blurred_for_a_second_after_its_person_was_lost():
    look = Look(display=DisplaySettings(blur_heads=True))
    tracer = Tracer()
    tracer(frame(0.0), person((50, 50)), look)
    nobody = person((50, 50)).take(np.zeros(0, np.intp))
    assert len(tracer(frame(0.9), nobody, look).heads) == 1
    assert len(tracer(frame(1.2), nobody, look).heads) == 0


def test_a_head_is_found_without_a_face():
    poses = person((50, 50))
    xy = np.full((17, 2), np.nan, np.float32)
    xy[5], xy[6] = (40, 40), (60, 40)
    xy[11], xy[12] = (43, 80), (57, 80)
    look = Look(display=DisplaySettings(blur_heads=True))
    lost = Poses(xy[None], poses.joint_score, poses.score, poses.ids, poses.state, xy[None])
    ((x, y, radius),) = Tracer()(frame(0.0), lost, look).heads
    assert x == pytest.approx(50)
    assert y + radius > 25
    assert y - radius < 20, "it reaches well above the shoulders"


def test_angles_are_those_between_the_limbs():
    xy = np.full((17, 2), np.nan)
    xy[11], xy[13], xy[15] = (0, 0), (0, 10), (10, 10)  # a knee bent by a right angle
    xy[5], xy[6], xy[12] = (0, -10), (10, -10), (10, 0)  # an upright trunk
    seen = np.isfinite(xy).all(-1).tolist()
    found = angles_of(xy, seen, COCO, ("knee", "trunk", "elbow"))
    assert [round(degrees) for degrees, _, _ in found] == [90, 0]
    assert found[0][1:] == (0.0, 10.0)
