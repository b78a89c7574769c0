"""The bundled model follows the people of the demo clip, through `process` with its defaults.

`python -m tests.measure.demo` prints the figures joint by joint.
"""

import pytest

from tests.measure.demo import measure

# Measured with the bundled model: PCK 0.852, 3 switches, 13 ids, 0.05 missed, 0.15 false people.
# Issue 7 wants a PCK of 0.95; these are the gate against falling back, not the aim.
LEAST_PCK = 0.92
MOST_SWITCHES = 8
MOST_FALSE = 0.25  # people per frame

pytestmark = pytest.mark.timeout(1200)  # half a minute on two quiet cores


@pytest.fixture(scope="module")
def found():
    return measure()


def test_joints_lie_where_they_should(found):
    assert found.pck >= LEAST_PCK


def test_ids_stay_with_their_people(found):
    assert found.switches <= MOST_SWITCHES


def test_few_people_are_made_up(found):
    assert found.false_people <= MOST_FALSE
