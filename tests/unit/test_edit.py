"""Edits of ids: applied, replayed on another run, and taken back to the original bytes."""

import json

import pytest

from app.cli import main
from app.tracks.convert import convert
from app.tracks.edits import Edit, EditedTracks, replay
from app.tracks.table import FORMATS, open_writer, read_recording
from engine.errors import DataError
from tests.support.tracks import HEADER, some_results, write_all


@pytest.fixture
def tracks(tmp_path):
    path = tmp_path / "clip.ndjson"
    write_all([open_writer(FORMATS["ndjson"], path, HEADER)], iter(some_results(40)))
    return path


def ids_by_time(tracks):
    lines = [json.loads(line) for line in tracks.read_text().splitlines()]
    return {f["time"]: [p["id"] for p in f["people"]] for f in lines if f["type"] == "frame"}


def test_every_edit_does_what_it_says(tracks):
    before = ids_by_time(tracks)
    middle = sorted(before)[20]
    edited = EditedTracks(tracks)
    edited.add(Edit("swap", (0, 1), start=middle))
    edited.add(Edit("split", (2, 3), start=middle))
    edited.add(Edit("rename", (2, 9)))
    after = ids_by_time(tracks)
    late = {0: 1, 1: 0, 2: 3}
    for time, ids in before.items():
        new = late if time >= middle else {2: 9}
        assert after[time] == [new.get(i, i) for i in ids]
    edited.add(Edit("drop", (3,)))
    assert all(3 not in ids for ids in ids_by_time(tracks).values())
    assert EditedTracks(tracks).ids() == {0, 1, 9}


def test_a_merged_person_is_in_no_frame_twice_and_the_better_one_stays(tracks):
    before = read_recording(tracks)
    EditedTracks(tracks).add(Edit("merge", (0, 1, 2)))
    after = read_recording(tracks)
    assert after.ids == [0]
    for frame in range(len(before.index)):
        was = before.people.ids[before.frame == frame]
        here = after.frame == frame
        assert (after.people.ids[here] == 0).sum() == bool((was >= 0).any())
        if (was >= 0).any():
            best = before.people.score[before.frame == frame][was >= 0].max()
            assert after.people.score[here][after.people.ids[here] == 0] == best


def test_the_last_line_counts_who_is_left(tracks):
    EditedTracks(tracks).add(Edit("drop", (1,)))
    lines = [json.loads(line) for line in tracks.read_text().splitlines()]
    assert lines[-1]["people"] == sum(len(f["people"]) for f in lines[1:-1])


def test_taking_back_leads_to_the_original_bytes_of_every_format(tracks):
    others = convert(tracks, "csv,parquet,coco,mot")
    before = [path.read_bytes() for path in (tracks, *others)]
    edited = EditedTracks(tracks)
    edited.add(Edit("swap", (0, 1)))
    after_one = [path.read_bytes() for path in (tracks, *others)]
    assert all(a != b for a, b in zip(after_one, before, strict=True))
    edited.add(Edit("drop", (2,)))
    EditedTracks(tracks).undo()
    assert [path.read_bytes() for path in (tracks, *others)] == after_one
    EditedTracks(tracks).undo()
    assert [path.read_bytes() for path in (tracks, *others)] == before
    assert not edited.log.exists()
    assert not edited.original.exists()
    assert EditedTracks(tracks).undo() == []


def test_a_log_can_be_replayed_on_the_same_tracks_made_anew(tracks, tmp_path):
    edited = EditedTracks(tracks)
    copy = tmp_path / "again" / "clip.ndjson"
    copy.parent.mkdir()
    copy.write_bytes(tracks.read_bytes())
    edited.add(Edit("swap", (0, 2), start=0.2, end=0.9))
    edited.add(Edit("merge", (0, 1)))
    replay(copy, edited.log)
    assert copy.read_bytes() == tracks.read_bytes()
    with pytest.raises(DataError, match="undo --all"):
        replay(copy, edited.log)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit("drop", (7,)), "no id 7; its ids are 0, 1, 2"),
        (Edit("rename", (0, 1)), "merge 1 0"),
        (Edit("merge", (1, 1)), "two different ids"),
    ],
)
def test_an_impossible_edit_changes_nothing(tracks, edit, message):
    before = tracks.read_bytes()
    with pytest.raises(DataError, match=message):
        EditedTracks(tracks).add(edit)
    assert tracks.read_bytes() == before
    assert not EditedTracks(tracks).log.exists()


def test_the_commands_edit_show_and_take_back(tracks, capsys):
    before = tracks.read_bytes()
    for words in (["swap", "0", "1", "--from", "0.5"], ["split", "2", "--at", "0.7"]):
        run("edit", words[0], str(tracks), *words[1:])
    run("edit", "log", str(tracks))
    said = capsys.readouterr().out
    assert "1. swap 0 1 from 0.5 s\n2. split 2 3 from 0.7 s\n" in said
    run("edit", "undo", str(tracks), "--all")
    assert tracks.read_bytes() == before


def run(*words):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
