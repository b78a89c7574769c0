"""A source that reports its end and failure; beside other sources it fails alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from engine.errors import SourceError
from engine.sources.reconnect import Change, Tell
from engine.sources.source import Source, SourceInfo
from engine.types import Frame

log = logging.getLogger(__name__)


class Reported:
    """Wraps any source."""

    def __init__(self, inner: Source, tell: Tell, *, alone: Callable[[], bool]) -> None:
        """Wrap a source; `alone` says whether it is the only one that is being read."""
        self.inner = inner
        self.name = inner.name
        self._tell, self._alone = tell, alone
        self._closed = False

    @property
    def info(self) -> SourceInfo:
        """What is known by now."""
        return self.inner.info

    def frames(self) -> Iterator[Frame]:
        """The frames of the source.

        Raises:
            SourceError: it failed and nothing else is left to watch.
        """
        try:
            yield from self.inner.frames()
        except Exception as error:
            if self._closed:
                return
            if self._alone():
                raise
            known = isinstance(error, SourceError)
            text = (
                str(error) if known else f"{self.name}: unexpected {type(error).__name__}: {error}"
            )
            if not known:
                log.warning("%s has failed", self.name, exc_info=error)
            self._tell(Change(self.name, "failed", text))
            return
        if not self._closed:
            self._tell(Change(self.name, "ended", f"{self.inner.name} has ended."))

    def close(self) -> None:
        """Stop it, from any thread; what it says afterwards is not reported."""
        self._closed = True
        self.inner.close()
