"""Windows for tests: offscreen unless a display is given, with settings of their own."""

import importlib.util
import os

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

if importlib.util.find_spec("PyQt6") is None or importlib.util.find_spec("pytestqt") is None:
    collect_ignore_glob = ["test_*.py"]  # the extra `gui` is not installed


@pytest.fixture
def preferences(tmp_path):
    from PyQt6.QtCore import QSettings

    from app.gui.preferences import Preferences

    kept = Preferences(QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat))
    kept.folder = tmp_path / "kept"
    return kept


@pytest.fixture
def open_window(qtbot, preferences):
    """Opens windows on synthetic sessions, and closes them in order."""
    from app.gui.window import Window
    from app.live.offered import Offer
    from app.live.plan import Plan
    from engine.settings import Settings
    from tests.support.synthetic import Figures

    def make(*sources, offer=None, start=None, plan=None, **figures) -> Window:
        make_session = start or (lambda plan, tell: Figures(plan, tell, **figures))
        plan = plan or Plan(sources, Settings())
        window = Window(plan, offer or Offer(), make_session, preferences)
        qtbot.addWidget(window, before_close_func=lambda w: end(qtbot, w))
        window.show()
        return window

    return make


def end(qtbot, window) -> None:
    window.runner.stop()
    qtbot.waitUntil(lambda: window.runner.state == "idle", timeout=5000)
    window.runner.bridge.wait(5)
