"""Settings are validated, layered and documented."""

import tomllib

import pytest
from pydantic import ValidationError

import assets
from engine.errors import SettingsError
from engine.settings import Settings, TrackingSettings, load_settings


def test_the_shipped_file_shows_the_defaults():
    text = assets.path("settings.toml").read_text()
    assert Settings.model_validate(tomllib.loads(text)) == Settings()


def test_the_shipped_file_names_every_setting():
    text = assets.path("settings.toml").read_text()
    for section, value in Settings():
        for name in type(value).model_fields:
            assert f"{name} =" in text, f"{section}.{name}"


def test_changes_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[engine]\nflip = true\nbatch = 4\n")
    settings = load_settings(file, ("engine.batch=8", "engine.scales=[2, 1, 0.5]"))
    assert settings.engine.flip is True
    assert settings.engine.batch == 8
    assert settings.engine.scales == (2.0, 1.0, 0.5)
    assert settings.grouping == Settings().grouping


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("engine.batch=0", "engine.batch.*greater than or equal to 1.*got 0"),
        ("engine.bach=1", "unknown setting 'engine.bach'"),
        ("motor.batch=1", "unknown setting 'motor'"),
        ("engine.precision=fp8", "engine.precision.*'fp8'"),
        ("engine.scales=[2, 0.5]", "must include 1"),
        ("grouping.peak_threshold=nan", "grouping.peak_threshold"),
        ("batch=8", "takes section.key=value"),
        ("engine.batch", "takes section.key=value"),
    ],
)
def test_a_wrong_change_is_one_clear_line(change, message):
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings(None, (change,))
    assert "\n" not in str(caught.value)


def test_a_missing_or_broken_file_is_one_clear_line(tmp_path):
    with pytest.raises(SettingsError, match="cannot read settings file"):
        load_settings(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[engine\n")
    with pytest.raises(SettingsError, match="is not TOML"):
        load_settings(broken)


def test_words_need_no_quotes_on_the_command_line():
    assert load_settings(None, ("engine.weights=w32-512",)).engine.weights == "w32-512"


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        Settings().engine.batch = 3


def test_an_old_name_still_works_and_warns(caplog, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[tracking]\nmemory = 2.5\n")
    settings = load_settings(file, ("grouping.first_30_groups_only=true",))
    assert settings.tracking.max_lost == 2.5
    assert settings.grouping.ignore_too_much
    assert settings.tracking.model_fields_set == {"max_lost"}
    assert "memory is now called max_lost" in caplog.text
    assert Settings.model_validate_json('{"tracking": {"sure_score": 0.4}}').tracking == (
        TrackingSettings(high_score_threshold=0.4)
    )


def test_every_old_name_leads_to_a_setting_that_exists():
    for _, section in Settings():
        assert set(section.renamed.values()) <= set(type(section).model_fields)
        assert not set(section.renamed) & set(type(section).model_fields)


def test_an_old_and_a_new_name_together_are_refused():
    with pytest.raises(SettingsError, match="now called max_lost; both are given"):
        load_settings(None, ("tracking.memory=2", "tracking.max_lost=1"))
