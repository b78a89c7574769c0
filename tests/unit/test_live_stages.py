"""A person of a file keeps one number, in whatever order its frames are played."""

from dataclasses import replace

import numpy as np
import pytest

from app.live.numbers import Numbers
from app.live.stages import Revisited, _moved
from engine.settings import Settings
from engine.skeleton import COCO
from engine.types import UNTRACKED, Frame, JointState, untracked
from tests.support.live_fakes import FIGURE

RATE = 25.0
PIXELS = np.zeros((360, 640, 3), np.uint8)


def people_at(time, speed=20):
    """Two who walk, from left to right and from right to left, one above the other."""
    places = np.array([(100 + speed * time, 10), (400 - speed * time, 150)], np.float32)
    xy = FIGURE[None] * (1.2, 1.6) + places[:, None]
    score = np.full((2, 17), 0.9, np.float32)
    state = np.full((2, 17), JointState.DETECTED, np.uint8)
    return untracked(xy.astype(np.float32), score, score.mean(1), state)


class Player:
    """Plays parts of a file; every jump is a segment of the source, as of `Paced`."""

    def __init__(self):
        self.joined = []
        self.stage = Revisited(
            Settings(), COCO, seeks=True, joined=lambda *numbers: self.joined.append(numbers)
        )
        self.segment = 0

    def play(self, start, end, every=1):
        """The numbers of the two people in each frame of [start, end), frames of the file."""
        self.segment += 1
        return [self.at(index) for index in range(start, end, every)]

    def at(self, index, poses=None):
        time = index / RATE
        frame = Frame(PIXELS, index, time, 0.0, "clip", segment=self.segment)
        found = self.stage(frame, people_at(time) if poses is None else poses)
        return tuple(found.ids.tolist())


def test_a_file_from_start_to_end_and_again_has_the_same_numbers():
    player = Player()
    first = player.play(0, 50)
    assert set(first) == {(0, 1)}
    assert player.play(0, 50) == first
    assert not player.joined


def test_frames_between_known_ones_have_their_numbers():
    """A slow engine analyses other frames in every round of a loop."""
    player = Player()
    assert set(player.play(0, 100, every=8)) == {(0, 1)}
    assert set(player.play(3, 100, every=8)) == {(0, 1)}
    assert set(player.play(1, 100, every=5)) == {(0, 1)}


@pytest.mark.parametrize("gap", [8, 12, 20])
def test_walkers_keep_their_numbers_where_the_engine_saw_nothing_for_a_while(gap):
    """In the next round of a loop it sees the frames that it missed in the first."""
    player = Player()

    def play(indices):
        player.segment += 1
        return {player.at(index, people_at(index / RATE, speed=150)) for index in indices}

    assert play([*range(20), *range(20 + gap, 40 + gap)]) == {(0, 1)}
    middle = 20 + gap // 2
    assert play(range(middle - 1, middle + 2)) == {(0, 1)}
    assert not player.joined


def test_a_joint_that_only_one_of_two_frames_has_is_where_that_one_saw_it():
    before, after = (numbered(people_at(time)) for time in (0.0, 1.0))
    after.raw_xy[0, 9] = np.nan
    moved = _moved(before, before, after, 0.25)
    assert moved.raw_xy[0, 8] == pytest.approx(before.raw_xy[0, 8] + (5, 0))
    assert moved.raw_xy[0, 9] == pytest.approx(before.raw_xy[0, 9])
    alone = _moved(before, before, replace(after, ids=np.int32([7, 1])), 0.25)
    assert alone.raw_xy[0] == pytest.approx(before.raw_xy[0])
    assert alone.raw_xy[1] == pytest.approx(before.raw_xy[1] - (5, 0))


def numbered(poses):
    return replace(poses, ids=np.int32([0, 1]), raw_xy=poses.raw_xy.copy())


def test_stepping_back_into_frames_never_seen_keeps_the_numbers():
    player = Player()
    player.play(50, 60)
    for index in range(49, 40, -1):
        assert player.play(index, index + 1) == [(0, 1)]


def test_from_an_unseen_into_a_known_part_there_is_no_seam_and_it_is_told():
    player = Player()
    player.play(0, 30)
    assert set(player.play(200, 230)) == {(2, 3)}
    across = player.play(120, 240)
    assert set(across) == {(4, 5)}, "one number each, on both sides"
    assert player.joined == [(2, 4), (3, 5)]
    assert set(player.play(205, 215)) == {(4, 5)}, "the known part has the new numbers now"
    assert set(player.play(0, 30)) == {(0, 1)}, "too far away to be known again"


def test_from_a_known_into_an_unseen_part_there_is_no_seam():
    player = Player()
    player.play(0, 30)
    player.play(200, 230)
    assert set(player.play(10, 80)) == {(0, 1)}


def test_a_person_who_was_not_there_gets_a_number_of_their_own():
    player = Player()
    player.play(0, 30)
    three = joined_with_a_third(29 / RATE)
    player.segment += 1
    assert player.at(31, three) == (0, 1, 2)


def joined_with_a_third(time):
    two = people_at(time)
    xy = np.concatenate([two.xy, two.xy[:1] + np.float32(300)]).astype(np.float32)
    score = np.full((3, 17), 0.9, np.float32)
    state = np.full((3, 17), JointState.DETECTED, np.uint8)
    return untracked(xy, score, score.mean(1), state)


@pytest.mark.parametrize("seeks", [True, False])
def test_another_skeleton_gives_no_number_a_second_time(seeks):
    settings = Settings()
    stage = Revisited(settings, COCO, seeks=seeks)
    seen = [stage(frame_of(i), people_at(i / RATE)).ids.tolist() for i in range(5)]
    assert seen[-1] == [0, 1]
    stage.use(settings, replace(COCO, limbs=()))
    after = [stage(frame_of(i), people_at(i / RATE)).ids.tolist() for i in range(5, 10)]
    assert after[-1] == [2, 3]


def test_a_source_that_was_opened_otherwise_shows_nobody_from_before():
    player = Player()
    before = player.stage(frame_of(0), people_at(0.0))
    player.stage.begin_anew()
    turned = people_at(0.0)
    turned = untracked(turned.xy[..., ::-1].copy(), turned.joint_score, turned.score, turned.state)
    after = player.stage(frame_of(0), turned)
    assert np.allclose(after.xy, turned.xy)
    assert not np.allclose(after.xy, before.xy)


def frame_of(index):
    return Frame(PIXELS, index, index / RATE, 0.0, "clip")


def test_people_who_were_in_one_frame_never_become_one():
    numbers = Numbers()
    ids = untracked_with(0, 1), untracked_with(2), untracked_with(UNTRACKED, 1)
    for poses in ids:
        numbers.give(numbers.meet(poses))
    assert numbers.join(0, 1) is None
    assert numbers.join(0, 2) == 2
    assert numbers.join(1, 2) is None, "2 is 0, who was beside 1"
    assert numbers.numbered(untracked_with(2, UNTRACKED)).ids.tolist() == [0, UNTRACKED]
    assert [numbers.of(one) for one in (0, 1, 2)] == [0, 1, 0]


def untracked_with(*ids):
    xy = np.zeros((len(ids), 17, 2), np.float32)
    score = np.ones((len(ids), 17), np.float32)
    state = np.full((len(ids), 17), JointState.DETECTED, np.uint8)
    poses = untracked(xy, score, score.mean(1), state)
    return replace(poses, ids=np.array(ids, np.int32))


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr("app.live.stages._KEPT", 30)
    player = Player()
    player.play(0, 100)
    assert len(player.stage._known) == len(player.stage._times) == 30
    assert player.stage._times == sorted(player.stage._known)
