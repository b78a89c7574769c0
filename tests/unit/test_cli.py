"""The command line: quick help, one line for a user-fixable error, a traceback for a bug."""

import sys
from types import SimpleNamespace

import pytest

from app import cli
from engine.errors import SourceError
from tests.support.clips import write_clip
from tests.support.fresh_python import loaded_after, run_code


def run(monkeypatch, capsys, raising=None):
    """Run a command that raises; returns (exit code, standard error)."""

    def command():
        if raising:
            raise raising

    module = SimpleNamespace(command=command)
    monkeypatch.setitem(sys.modules, "app.tried", module)
    monkeypatch.setattr(cli, "COMMANDS", {"try": ("app.tried", "command", "Try.")})
    with pytest.raises(SystemExit) as end:
        cli.main(["try"])
    return end.value.code, capsys.readouterr().err


def test_success_exits_with_0(monkeypatch, capsys):
    assert run(monkeypatch, capsys) == (0, "")


def test_a_user_fixable_error_is_one_line_and_exit_1(monkeypatch, capsys):
    code, text = run(monkeypatch, capsys, SourceError("there is no file x.mp4"))
    assert (code, text) == (1, "posestream: there is no file x.mp4\n")


def test_a_bug_is_a_traceback_and_exit_70(monkeypatch, capsys):
    code, text = run(monkeypatch, capsys, KeyError("oops"))
    assert code == 70
    assert "Traceback" in text
    assert "KeyError" in text


def test_a_missing_extra_is_named(monkeypatch, capsys):
    error = ModuleNotFoundError("No module named 'PyQt6'", name="PyQt6.QtCore")
    code, text = run(monkeypatch, capsys, error)
    assert code == 1
    assert "pip install 'posestream[gui]'" in text


def test_another_missing_module_is_a_bug(monkeypatch, capsys):
    code, text = run(monkeypatch, capsys, ModuleNotFoundError("no", name="engine.nowhere"))
    assert code == 70
    assert "Traceback" in text


def test_help_imports_no_mode():
    code = (
        "import sys\n"
        "from app import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'cv2', 'av', 'PyQt6', 'pycocotools', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    printed, _ = run_code(code)
    for name in cli.COMMANDS:
        assert name in printed


def test_a_dry_run_prints_the_plan_without_torch(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 160, options={"g": "20"})
    setting = "cluster.segment=1"
    arguments = ["process", str(clip), "--dry-run", "--set", setting]
    code = (
        "import sys\n"
        "from app import cli\n"
        f"try:\n    cli.main({arguments})\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'scipy', 'ray'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    printed, _ = run_code(code)
    assert "clip.mp4: frames 0 to 36\n" in printed
    assert printed.endswith("1 inputs, 4 segments\n")


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "Usage" in text
    assert "--install-completion" not in text  # an option of the program, not of a command


@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        ("engine.types, engine.settings", ("torch", "cv2", "av", "PyQt6", "scipy")),
        (
            "engine.decoding.decode, engine.training.loop, engine.estimator",
            ("av", "PyQt6", "pycocotools"),
        ),
    ],
)
def test_importing_one_thing_does_not_drag_in_another(imported, absent):
    assert loaded_after(f"import {imported}", *absent) == []


def test_wrong_usage_exits_with_2(monkeypatch, capsys):
    monkeypatch.setattr(cli, "COMMANDS", {})
    with pytest.raises(SystemExit) as end:
        cli.main(["--no-such-option"])
    assert end.value.code == 2
