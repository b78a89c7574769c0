"""Sources that a person chooses, drops or edits: none is opened twice, one that failed is again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt6.QtCore import QMimeData

from app.live.protocol import Told

if TYPE_CHECKING:
    from app.gui.window import Window


def choose(window: Window, sources: str | list[str]) -> None:
    """Watch one source or several, beside those that run; again those that failed."""
    chosen = [sources] if isinstance(sources, str) else sources
    if window.runner.state == "running":
        for source, name in _names(window).items():
            if source in chosen:
                _again(window, name)
    window.runner.choose_all(chosen)


def exchange(window: Window, name: str, source: str) -> None:
    """Watch another source in the place of this one; the same one again, if it failed."""
    there = _names(window).get(source)
    if there is None:
        window.runner.exchange(name, source)
    else:
        _again(window, there)


def sources_in(dropped: QMimeData) -> list[str]:
    """Files and addresses that were dropped, also those that are plain text."""
    files = [url.toLocalFile() or url.toString() for url in dropped.urls()]
    return files or dropped.text().split()


def _again(window: Window, name: str) -> None:
    if window.canvas.has_failed(name):
        window.runner.retry(name)
    else:
        window.say(Told(f"{window.title_of(name)} is shown already."), asked=True)


def _names(window: Window) -> dict[str, str]:
    """What each source is called."""
    plan = window.runner.plan
    return dict(zip(plan.sources, plan.names, strict=True))
