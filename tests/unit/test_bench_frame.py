"""The bench's row of a whole frame: its parts, and the comparison with the plain way."""

import numpy as np
import pytest

from app.bench import frame
from app.bench.plain import PlainLane
from engine.settings import load_settings
from gpu_ops.cpu import CpuLane


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(frame, "PEOPLE", (5,))
    monkeypatch.setattr(frame, "ROUNDS", 2)
    monkeypatch.setattr(frame, "PLAIN_ROUNDS", 1)


def only_row():
    (row,) = frame.frame_rows(load_settings(None, ()))
    return row


def test_every_part_is_measured_and_the_plain_way_finds_the_same_people(short):
    row = only_row()
    assert row.found == 5
    assert row.same
    assert set(row.parts) == set(frame.COLUMNS)
    assert all(ms > 0 for ms in row.parts.values())
    assert sum(row.parts.values()) <= row.best <= row.usual
    assert row.best < row.plain


def test_people_that_differ_in_a_last_bit_are_told(short, monkeypatch):
    found = PlainLane.refine

    def shifted(self, *args, **options):
        joints = found(self, *args, **options)
        joints.score[0] = np.nextafter(joints.score[0], np.float32(2))
        return joints

    monkeypatch.setattr(PlainLane, "refine", shifted)
    assert not only_row().same


def test_a_mirrored_batch_is_warped_as_by_the_fast_lane():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    affine = np.array([[0.5, 0.1, 2], [-0.1, 0.5, 3]])
    plain, fast = (
        lane.warp([pixels], [affine], (32, 24), mirror=True).numpy()
        for lane in (PlainLane(), CpuLane())
    )
    assert np.array_equal(plain, fast)
