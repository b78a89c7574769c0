"""A user's own settings: the file, the variables, and what is stronger than both."""

import pytest

from app import user_settings
from app.user_settings import from_environment, load_user_settings
from engine.errors import SettingsError


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's file, which a test may write."""
    monkeypatch.setattr(user_settings, "user_file", lambda: tmp_path / "settings.toml")
    return tmp_path / "settings.toml"


def test_variables_win_over_the_users_file_and_options_over_both(own, monkeypatch):
    own.write_text("[display]\nthickness = 2.0\n[output]\nquality = 30\n")
    monkeypatch.setenv("POSESTREAM_OUTPUT_QUALITY", "31")
    settings = load_user_settings(None, ())
    assert (settings.display.thickness, settings.output.quality) == (2.0, 31)
    assert load_user_settings(None, ("output.quality=32",)).output.quality == 32


def test_a_file_that_was_named_takes_the_place_of_the_users(own, tmp_path):
    own.write_text("[display]\nthickness = 2.0\n")
    named = tmp_path / "named.toml"
    named.write_text("[output]\nquality = 30\n")
    settings = load_user_settings(named, ())
    assert (settings.display.thickness, settings.output.quality) == (1.0, 30)


def test_a_variable_that_names_no_setting_is_refused_and_others_are_not_ours():
    with pytest.raises(SettingsError, match="POSESTREAM_ENGINE_DEVISE is no setting"):
        from_environment({"POSESTREAM_ENGINE_DEVISE": "cpu"})
    assert from_environment({"POSESTREAM_KILLS": "20", "HOME": "/"}) == ()
