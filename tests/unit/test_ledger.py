"""What we wrote is known again; damage and changes by the user are told apart."""

import pytest

from app.tracks.ledger import Ledger, Output, compare, mark_of, written_by_us
from app.tracks.switch import Switch, finish_switch
from engine import files
from engine.errors import DataError


@pytest.fixture
def table(tmp_path):
    """A file of 20 kB as we wrote it."""
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{n},{n * n}\n" for n in range(2000)))
    return path


def test_emptied_cut_and_zeroed_files_are_damaged(table):
    mark, whole = mark_of(table), table.read_bytes()
    assert compare(table, mark) == "same"
    damages = [b"", whole[:1], whole[:700], whole[:-1], bytes(len(whole)), bytes(5000)]
    damages += [whole[:9000] + bytes(len(whole) - 9000), whole[:4096] + bytes(4096) + whole[8192:]]
    for damage in damages:
        table.write_bytes(damage)
        assert compare(table, mark) == "damaged", len(damage)
    table.unlink()
    assert compare(table, mark) == "missing"


def test_edited_files_are_changed(table, tmp_path):
    mark, whole = mark_of(table), table.read_bytes()
    edits = [b"mine", whole.replace(b"7", b"8"), whole + b"more\n", whole[5000:], b"x" + whole[1:]]
    for edit in edits:
        table.write_bytes(edit)
        assert compare(table, mark) == "changed", edit[:20]
    table.unlink()
    table.symlink_to(tmp_path / "elsewhere")
    assert compare(table, mark) == "changed"


def test_an_output_is_ours_from_before_its_first_byte(table, tmp_path):
    output = Output("csv", table)
    ledger = Ledger(tmp_path, "a")
    assert ledger.condition(output) == "foreign"
    assert not ledger.replaceable(output)
    table.unlink()
    assert ledger.condition(output) == "free"
    ledger.begin([output], "process")
    assert Ledger(tmp_path, "a").condition(output) == "begun"
    table.write_text("1,2\n")
    assert written_by_us([table]) == {table}
    ledger.finish(output, "process", "so")
    again = Ledger(tmp_path, "a")
    assert (again.condition(output), again.how(output), again.by(output)) == (
        "whole", "so", "process"
    )  # fmt: skip
    table.write_text("mine\n")
    assert again.condition(output) == "changed"
    assert written_by_us([table]) == set()
    assert again.changed(output) == [table]


def test_a_file_beside_those_of_an_output_with_several_is_foreign(tmp_path):
    output = Output("trc", tmp_path / "a_px", tmp_path, r"a_px_person\d+\.trc")
    ledger = Ledger(tmp_path, "a")
    ledger.begin([output], "process")
    (tmp_path / "a_px_person01.trc").write_text("1")
    ledger.finish(output, "process", "")
    assert ledger.condition(output) == "whole"
    (tmp_path / "a_px_person02.trc").write_text("mine")
    assert ledger.condition(output) == "foreign"


def test_state_files_notice_damage_and_other_versions(tmp_path):
    path = tmp_path / "state.json"
    assert files.read_state(path, 1) is None
    files.write_state(path, 1, {"a": [1.5, None, "é"]})
    assert files.read_state(path, 1) == {"a": [1.5, None, "é"]}
    with pytest.raises(DataError, match="another version"):
        files.read_state(path, 2)
    whole = path.read_bytes()
    for damage in (b"", whole[:30], whole[:-3], whole.replace(b"1.5", b"2.5"), bytes(len(whole))):
        path.write_bytes(damage)
        with pytest.raises(DataError, match="is damaged: add --force"):
            files.read_state(path, 1)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half(path):
        with files.whole(path) as part:
            part.write_text("ne")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_switch_happens_whole_or_not_at_all(tmp_path, monkeypatch):
    for name in ("a.txt", "b.txt", "gone.txt"):
        (tmp_path / name).write_text("old")
    switch = Switch(tmp_path, "x")
    switch.put(tmp_path / "a.txt", b"new")
    switch.put(tmp_path / "b.txt", b"new")
    switch.remove([tmp_path / "gone.txt", tmp_path / "b.txt"])
    finish_switch(tmp_path, "x")  # nothing was decided yet
    assert [(tmp_path / n).read_text() for n in ("a.txt", "b.txt", "gone.txt")] == ["old"] * 3

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("app.tracks.switch.finish_switch", killed)
        with pytest.raises(KeyboardInterrupt):
            switch.commit()
    finish_switch(tmp_path, "x")
    assert [(tmp_path / n).read_text() for n in ("a.txt", "b.txt")] == ["new"] * 2
    assert sorted(p.name for p in tmp_path.iterdir()) == [".posestream", "a.txt", "b.txt"]
