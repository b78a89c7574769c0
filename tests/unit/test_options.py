"""Options are quoted, and win over --set."""

import pytest

from app.user_settings import changes
from engine.settings import load_settings


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
