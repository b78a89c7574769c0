"""Ids of finished tracks exchanged in one step."""

import json

import pytest

from app.tracks import renumber as module
from app.tracks.renumber import renumber
from engine.errors import OutputError

LINES = (
    '{"type":"header","version":1,"source":"a\\"id\\":7,b","size":[7,7]}',
    '{"type":"frame","index":7,"time":0.0,"people":[{"id":7,"score":0.50,"label":"Zoë"},{"id":77}]}',
    '{"type":"frame","index":8,"time":0.7,"people":[{"id":1,"score":7e-1},{"id":null}]}',
    '{"type":"note","time":0.7,"id":7,"text":"good \\"id\\":7, she said"}',
    '{"type":"end","frames":2,"people":4}',
)


def written(path):
    path.write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    return path


def test_people_and_notes_get_the_other_id_and_every_other_line_stays(tmp_path):
    path = written(tmp_path / "a.ndjson")
    renumber(path, {7: 1, 9: 2})
    after = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in after] == [
        json.loads(LINES[0]),
        {**json.loads(LINES[1]), "people": [{"id": 1, "score": 0.5, "label": "Zoë"}, {"id": 77}]},
        json.loads(LINES[2]),
        {**json.loads(LINES[3]), "id": 1},
        json.loads(LINES[4]),
    ]
    assert [after[0], after[2], after[4]] == [LINES[0], LINES[2], LINES[4]], "to the last byte"
    assert [file.name for file in tmp_path.iterdir()] == ["a.ndjson"]


def test_a_file_that_cannot_be_written_anew_stays_as_it_was(tmp_path, monkeypatch):
    path = written(tmp_path / "a.ndjson")
    before = path.read_bytes()

    def full(line, numbers):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_renumbered", full)
    with pytest.raises(OutputError, match="the disk is full"):
        renumber(path, {7: 1})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.ndjson"]
