"""What is missing is found and comes with the command that mends it."""

import importlib.util
import io
import json
import re
import sys
import tomllib

import pytest
from rich.console import Console

from app import doctor
from app.doctor import Check, diagnose, show
from app.extras import EXTRAS
from engine.errors import WeightsError
from tests.support.documentation import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def found(look):
    return {check.name: check for check in look()}


def without(monkeypatch, *modules):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in modules else real(name)
    )


def test_this_machine_has_what_the_tests_need():
    broken = [check for check in diagnose() if check.status == "broken"]
    assert [check for check in broken if check.about != "weights"] == []


def test_everything_that_is_not_well_says_how_to_mend_it():
    for check in diagnose():
        assert check.detail
        if check.status != "ok" and check.about not in ("screen", "devices"):
            assert check.fix, check


def test_a_missing_package_gets_its_pip_line(monkeypatch):
    without(monkeypatch, "av")
    check = found(doctor.packages)["av"]
    assert check.status == "broken"
    assert check.fix.startswith("pip install 'av")


def test_a_missing_extra_is_no_fault_but_named(monkeypatch):
    without(monkeypatch, "h5py")
    check = found(doctor.extras)["formats"]
    assert (check.status, check.fix) == ("missing", "pip install 'posestream[formats]'")
    assert "h5py" in check.detail
    assert "ezc3d" not in check.detail


def test_every_package_that_is_always_installed_is_looked_for():
    names = {re.split(r"[<>=]", requirement)[0] for requirement in PROJECT["dependencies"]}
    assert names == set(doctor.PACKAGES)


def test_every_extra_of_the_package_is_looked_for():
    """With as many modules as packages: which module a package brings is not in its name."""
    extras = PROJECT["optional-dependencies"]
    not_for_users = {"dev", "docs", "interop"}
    wanted = {name: len(extras[name]) for name in extras.keys() - not_for_users}
    assert wanted.pop("cuda12") == wanted["cuda"]  # the same module, for another driver
    assert {name: len(extra.modules) for name, extra in EXTRAS.items()} == wanted
    assert set(found(doctor.extras)) == set(wanted)


@pytest.mark.parametrize(
    ("extra", "module"),
    [
        ("osc", "pythonosc"),
        ("lsl", "pylsl"),
        ("camera", "pyvirtualcam"),
        ("train", "tensorboard"),
        ("cluster", "ray"),
    ],
)
def test_an_extra_of_one_command_says_which_and_how_to_get_it(monkeypatch, extra, module):
    without(monkeypatch, module)
    check = found(doctor.extras)[extra]
    assert (check.status, check.fix) == ("missing", f"pip install 'posestream[{extra}]'")
    assert module in check.detail
    assert "`" in check.detail


def test_the_compiled_decoding_is_looked_for(monkeypatch):
    import gpu_ops.cpu_compiled as compiled

    monkeypatch.setattr(compiled, "compiled_blocks", object)
    assert found(doctor.devices)["compiled decoding"].status == "ok"
    monkeypatch.setattr(compiled, "compiled_blocks", lambda: None)
    check = found(doctor.devices)["compiled decoding"]
    assert check.status == "missing"
    assert "C compiler" in check.fix


def test_an_opencv_that_another_package_brought_is_reported(monkeypatch):
    import cv2

    monkeypatch.setattr(cv2, "__version__", "5.0.0")
    assert "<5" in found(doctor.packages)["cv2"].fix


def test_json_holds_every_check(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "diagnose", lambda: [Check("a", "b", "ok", "c", "d")])
    with pytest.raises(doctor.typer.Exit):
        doctor.command(as_json=True)
    expected = {"about": "a", "name": "b", "status": "ok", "detail": "c", "fix": "d"}
    assert json.loads(capsys.readouterr().out) == [expected]


def test_the_opencv_with_qt_is_reported(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: "4.10")
    assert "pip uninstall opencv-python" in found(doctor.packages)["opencv-python"].fix


def test_a_missing_codec_is_named_with_its_use(monkeypatch):
    monkeypatch.setattr(doctor, "CODECS", (("no_such_codec", "w", "nothing"),))
    check = found(doctor.codecs)["no_such_codec"]
    assert check.status == "missing"
    assert "needed for nothing" in check.detail


def test_the_reason_why_cuda_does_not_work_is_given(monkeypatch):
    import gpu_ops
    from gpu_ops.device import DeviceUnavailable

    real = gpu_ops.open_device

    def refuse(name="auto", precision="auto"):
        if name == "cuda":
            raise DeviceUnavailable("there is no driver: install one")
        return real(name, precision)

    monkeypatch.setattr(gpu_ops, "open_device", refuse)
    check = found(doctor.devices)["cuda"]
    assert (check.status, check.detail, check.fix) == (
        "missing",
        "there is no driver",
        "install one",
    )


def test_missing_bundled_weights_are_a_fault_and_others_are_not(monkeypatch):
    import engine.network.registry as registry

    def nowhere(name, folders):
        raise WeightsError("not here")

    monkeypatch.setattr(registry, "find", nowhere)
    checks = found(doctor.weights)
    assert checks["compact"].status == "broken"
    assert checks["w32-512"].status == "missing"
    assert checks["w32-512"].fix == "posestream weights fetch w32-512"


def test_a_package_that_cannot_be_imported_does_not_end_the_examination(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    checks = {check.about: check for check in diagnose()}
    assert checks["codecs"].status == "broken"
    assert "weights" in checks


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("missing", 0), ("broken", 1)])
def test_the_exit_code_is_1_only_if_something_needed_is_missing(monkeypatch, status, code):
    monkeypatch.setattr(doctor, "diagnose", lambda: [Check("a", "b", status, "c", "d")])
    with pytest.raises(doctor.typer.Exit) as end:
        doctor.command(as_json=False)
    assert end.value.exit_code == code


def test_the_fix_is_printed_on_one_line_that_can_be_copied():
    screen = io.StringIO()
    fix = "pip install '" + "x" * 120 + "'"
    show([Check("extras", "gui", "missing", "not here", fix)], Console(file=screen, width=60))
    assert fix in screen.getvalue()
