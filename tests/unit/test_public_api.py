"""The package `posestream`: what it offers, what it loads, and whose modules it finds."""

from pathlib import Path

import posestream
from app.tracks.table import FORMATS, open_writer
from tests.support.fresh_python import ROOT, run_code
from tests.support.tracks import write_all
from tests.support.walking import HEADER, walking


def run(code: str, folder: Path) -> str:
    path = f"import sys; sys.path.append({str(ROOT)!r}); "
    return run_code(path + code, folder)[0]


def test_everything_promised_is_there():
    assert all(hasattr(posestream, name) for name in posestream.__all__)


def test_importing_it_loads_neither_torch_nor_qt_nor_a_decoder(tmp_path):
    code = "import posestream; print(sorted({'torch', 'PyQt6', 'av', 'cv2'} & set(sys.modules)))"
    assert run(code, tmp_path) == "[]\n"


def test_a_users_modules_of_the_same_names_are_not_taken_for_ours(tmp_path):
    (tmp_path / "app.py").write_text("raise SystemExit('the user\\'s app')")
    (tmp_path / "engine.py").write_text("raise SystemExit('the user\\'s engine')")
    code = "import posestream, engine.types; print(posestream.load_settings().engine.weights)"
    assert run(code, tmp_path).strip()


def test_a_users_module_that_was_there_first_is_named(tmp_path):
    (tmp_path / "engine.py").write_text("")
    code = (
        "import engine\ntry:\n    import posestream\nexcept ImportError as error:\n    print(error)"
    )
    assert "rename that module" in run(f"\n{code}", tmp_path)


def test_tracks_of_any_format_are_read(tmp_path):
    for name in ("ndjson", "csv", "coco"):
        path = FORMATS[name].path(tmp_path, "clip")
        write_all([open_writer(FORMATS[name], path, HEADER)], iter(walking()))
        recording = posestream.read_tracks(path)
        assert recording.ids == [0, 1]
        assert len(recording.time) == 30
