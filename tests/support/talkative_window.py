"""A program for tests: a window that is closed while threads go on telling it what they found.

talkative_window.py SETTINGS_FOLDER. No driver is asked to stop when a window is closed.
"""

import sys
import threading

from PyQt6.QtCore import QSettings, QTimer
from PyQt6.QtWidgets import QApplication

from app.gui.main import show
from app.gui.window import Window
from app.live.offered import Offer
from app.live.plan import Plan
from engine.settings import Settings
from tests.support.live_fakes import Bench


def tell(signal) -> None:
    while True:
        try:
            signal.emit([])
        except RuntimeError:
            return


def talk() -> None:
    """From several threads at once, as if drivers had found something just now."""
    (window,) = (w for w in QApplication.topLevelWidgets() if isinstance(w, Window))
    for _ in range(6):
        threading.Thread(target=tell, args=(window.page._found,), daemon=True).start()


def main() -> None:
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, sys.argv[1])
    application = QApplication([])
    application.aboutToQuit.connect(talk)
    QTimer.singleShot(300, application.closeAllWindows)
    show(Plan((), Settings()), Offer(), Bench().start, remembered=False)


main()
