"""Sources keep the name they were given, and no two have the same."""

from app.live.plan import Plan
from app.live.source_set import SourceSet
from engine.settings import Settings

DOOR = "rtsp://***@door/x"
ONE, TWO, THREE = (f"rtsp://{user}@door/x" for user in ("a:1", "b:2", "c:3"))


def test_a_source_that_joins_gets_a_name_of_its_own():
    plan = Plan((ONE,), Settings()).with_source(TWO).with_source("clip.mp4")
    assert plan.sources == (ONE, TWO, "clip.mp4")
    assert plan.names == (DOOR, f"{DOOR} (2)", "clip.mp4")


def test_the_others_keep_their_names_when_one_leaves():
    plan = Plan((ONE, TWO, "clip.mp4"), Settings()).without(DOOR)
    assert plan.sources == (TWO, "clip.mp4")
    assert plan.names == (f"{DOOR} (2)", "clip.mp4")
    assert plan.with_source(THREE).names == (f"{DOOR} (2)", "clip.mp4", DOOR)


def test_another_source_takes_the_place_but_not_a_name_in_use():
    plan = Plan(("clip.mp4", TWO, "0"), Settings()).with_other("clip.mp4", ONE)
    assert plan.sources == (ONE, TWO, "0")
    assert plan.names == (f"{DOOR} (2)", DOOR, "0")
    assert plan.with_other(DOOR, THREE).names == (f"{DOOR} (2)", DOOR, "0")


def test_choosing_anew_names_anew():
    plan = Plan((ONE, TWO), Settings()).watching(TWO)
    assert (plan.sources, plan.names) == ((TWO,), (DOOR,))


def test_files_are_played_as_the_plan_says():
    plan = Plan(("clip.mp4",), Settings(), loop=True, hold=True, speed=0.5)
    sources = SourceSet(plan, print, print, wanted=None, open_source=open)
    clock = sources._clock
    assert (clock._loop, clock.hold, clock._speed) == (True, True, 0.5)
