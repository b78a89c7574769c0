"""Files that a run resumes from, changed at random: the same work, or one line of refusal."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.evaluation.journal import NAME, EvaluationJournal
from app.process.journal import Journal
from app.tracks.ledger import Ledger, Output
from app.tracks.writer import Ending
from engine.errors import PoseError
from engine.files import read_state, write_state
from engine.skeleton import COCO
from tests.support.mutations import changed_bytes

HEADER = {"source": "clip", "size": [4, 4], "keypoints": list(COCO.names), "skeleton": []}

_quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def damaged(data, file, valid):
    """Write a change of the valid bytes; None where nothing was refused."""
    file.write_bytes(data.draw(changed_bytes(valid)))


def refusal(work):
    """What `work` gives, or the line that refuses it."""
    try:
        return work()
    except PoseError as error:
        found = error
    assert "\n" not in str(found)
    assert len(str(found)) < 2000
    return found


@_quiet
@given(data=st.data())
def test_state_files(tmp_path, data):
    file, value = tmp_path / "state.json", {"frames": 64, "states": [{"a": [1.5, None]}]}
    write_state(file, 3, value)
    damaged(data, file, file.read_bytes())
    found = refusal(lambda: read_state(file, 3))
    assert found == value or (isinstance(found, PoseError) and "--force" in str(found))


@_quiet
@given(data=st.data())
def test_journals_of_process(tmp_path, data):
    tracks, file = tmp_path / "clip.ndjson", tmp_path / "clip.json"

    def journal():
        return Journal(tracks, file, HEADER, "content", raw=False)

    file.unlink(missing_ok=True)
    first = journal()
    first.open()
    first.close(Ending(0, 0))
    assert journal().finished
    damaged(data, file, file.read_bytes())
    found = refusal(journal)
    assert isinstance(found, PoseError) or (found.finished and found.intact())


@_quiet
@given(data=st.data())
def test_ledgers(tmp_path, data):
    path = tmp_path / "clip.csv"
    path.write_text("a")
    output = Output("csv", path)
    ledger = Ledger(tmp_path, "clip", force=True)
    ledger.begin([output], "process")
    ledger.finish(output, "process", "how")
    file = next((tmp_path / ".posestream").iterdir())
    damaged(data, file, file.read_bytes())
    found = refusal(lambda: Ledger(tmp_path, "clip").condition(output))
    assert isinstance(found, PoseError | str)


@_quiet
@given(data=st.data())
def test_journals_of_eval(tmp_path, data):
    rows = [{"image_id": 7, "keypoints": [1.0, 2.0, 0.5], "score": 0.5}]

    def journal(**options):
        return EvaluationJournal(tmp_path, {"weights": "abc"}, 3, resume=True, **options)

    with journal(force=True) as first:
        (tmp_path / NAME).write_bytes(b"")
    with journal() as first:
        first.add(7, rows)
        first.add(8, [])
    valid = (tmp_path / NAME).read_bytes()
    damaged(data, tmp_path / NAME, valid)

    def read():
        with journal() as again:
            return dict(again.rows)

    found = refusal(read)
    whole = {7: rows, 8: []}
    assert isinstance(found, PoseError) or all(whole[image] == found[image] for image in found)


def test_a_line_that_is_there_twice_is_damage(tmp_path):
    with EvaluationJournal(tmp_path, {"weights": "abc"}, 3, resume=False):
        pass
    line = (tmp_path / NAME).read_bytes()
    assert json.loads(line)["weights"] == "abc"
    (tmp_path / NAME).write_bytes(line + line)
    with pytest.raises(PoseError, match="--force"):
        EvaluationJournal(tmp_path, {"weights": "abc"}, 3, resume=True)
