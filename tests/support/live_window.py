"""A program for tests: the live window on a test picture, without a network.

live_window.py SETTINGS_FOLDER [SOURCE…]. Real processes are driven by xdotool with it.
"""

import sys

from PyQt6.QtCore import QSettings

from app.gui.main import show
from app.live.offered import Offer
from app.live.plan import Plan
from engine.settings import Settings
from tests.support.live_fakes import Bench


def main() -> None:
    folder, *sources = sys.argv[1:]
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, folder)
    bench = Bench(delay=0.02, people=2)
    plan = Plan(tuple(sources), Settings(), loop=True)
    show(plan, Offer(), bench.start, remembered=False)


main()
