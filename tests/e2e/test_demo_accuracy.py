"""The bundled model follows the people of the demo clip, through `process` with its defaults.

`python -m tests.measure.demo` prints the figures joint by joint.
"""

import pytest

from tests.measure.demo import measure

# Measured with the bundled model: PCK 0.959, no switch, 10 ids, 0.05 missed, no false people.
# These are the gate against falling back.
LEAST_PCK = 0.95  # at a tenth of the longer side of the person's box, visible joints
MOST_FALSE = 0.05  # people per frame

pytestmark = pytest.mark.timeout(1200)  # half a minute on two quiet cores


@pytest.fixture(scope="module")
def found():
    return measure()


def test_joints_lie_where_they_should(found):
    assert found.pck >= LEAST_PCK


def test_every_person_keeps_one_id(found):
    assert (found.switches, found.ids) == (0, 10)


def test_few_people_are_made_up(found):
    assert found.false_people <= MOST_FALSE
