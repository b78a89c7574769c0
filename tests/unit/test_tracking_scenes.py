"""Identity on scenes with known truth, judged by motmetrics; all are in docs/tracking.md."""

import numpy as np
import pytest

from tests.measure.tracking import measure
from tests.support.tracking_scenes import KINDS, crossings, observe

pytest.importorskip("motmetrics", reason="the judge of identity comes with the dev extra")


def test_ids_switch_at_most_half_as_often_as_with_either_baseline():
    chosen = [kind(500 + n) for n, kind in enumerate(KINDS)]
    table = measure(chosen, ("boxes", "poses", "ours")).xs("OVERALL", level=1)
    ours, boxes, poses = table.loc["ours"], table.loc["boxes"], table.loc["poses"]
    assert ours["num_switches"] * 2 <= min(boxes["num_switches"], poses["num_switches"])
    assert ours["idf1"] > max(boxes["idf1"], poses["idf1"])
    assert ours["mota"] > max(boxes["mota"], poses["mota"])


def test_colours_tell_people_apart():
    chosen = [kind(500 + n) for n, kind in enumerate(KINDS)]
    table = measure(chosen, ("colourless", "ours")).xs("OVERALL", level=1)
    assert table.loc["ours"]["idf1"] > table.loc["colourless"]["idf1"]


def test_a_scene_follows_from_its_seed_alone():
    for one, two in zip(observe(crossings(5)), observe(crossings(5)), strict=True):
        assert one.poses.xy.tobytes() == two.poses.xy.tobytes()
        assert np.array_equal(one.truth, two.truth)
        assert np.array_equal(one.frame.pixels, two.frame.pixels)
