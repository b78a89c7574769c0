"""Options are quoted, win over --set, and read the same in every command."""

import re

import pytest
from typer.main import get_command

from app import cli
from app.user_settings import changes
from engine.errors import PoseError
from engine.settings import EngineSettings, load_settings

MODES = ("process", "live", "eval", "bench")
SHARED = (
    "weights",
    "network",
    "input_size",
    "device",
    "precision",
    "profile",
    "settings_file",
    "set_",
    "cluster",
)


def settings(set_, **options):
    return load_settings(None, changes(set_, {f"engine.{k}": v for k, v in options.items()}))


def test_an_option_wins_over_set_and_one_not_given_does_not():
    found = settings(["engine.device=cuda", "engine.batch=4"], device="cpu", batch=None)
    assert (found.engine.device, found.engine.batch) == ("cpu", 4)


@pytest.mark.parametrize("name", ["2024", "true", "1e3", "a b", 'say "x"', "C:\\models\\é.pth"])
def test_a_name_stays_text_whatever_it_looks_like(name):
    assert settings(None, weights=name).engine.weights == name


def test_lists_and_switches_keep_their_type():
    found = settings(["engine.flip=true"], flip=False, scales=[2.0, 1.0])
    assert found.engine.flip is False
    assert found.engine.scales == (2.0, 1.0)


def helps(name):
    """The text of an option in every mode that has it."""
    commands = [get_command(cli._app).get_command(None, mode) for mode in MODES]
    return [option.help for each in commands for option in each.params if option.name == name]


@pytest.mark.parametrize("name", SHARED)
def test_an_option_of_several_modes_has_one_text(name):
    texts = helps(name)
    assert len(texts) > 1
    assert len(set(texts)) == 1


@pytest.mark.parametrize("name", ["weights", "device", "precision", "profile"])
def test_the_default_that_the_help_tells_is_the_settings_own(name):
    told = re.search(r"default: (\w+)", helps(name)[0])[1]
    assert told == getattr(EngineSettings(), name)


@pytest.mark.parametrize("name", ["precision", "profile"])
def test_the_help_tells_every_value_and_no_other(name):
    told = set(re.findall(r"\w+", helps(name)[0].partition(";")[0])) - {"or"}
    with pytest.raises(PoseError) as error:
        settings(None, **{name: "wrong"})
    assert set(re.findall(r"'(\w+)'", str(error.value))) - {"wrong"} == told
