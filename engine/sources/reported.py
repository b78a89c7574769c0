"""A source that reports its end and failure; beside other sources it fails alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.errors import SourceError
from engine.sources.reconnect import Change, Tell
from engine.sources.source import Source, SourceInfo
from engine.types import Frame


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
        except SourceError as error:
            if self._closed:
                return
            if self._alone():
                raise
            self._tell(Change(self.name, "failed", str(error)))
            return
        if not self._closed:
            self._tell(Change(self.name, "ended", f"{self.inner.name} has ended."))

    def close(self) -> None:
        """Stop it, from any thread; what it says afterwards is not reported."""
        self._closed = True
        self.inner.close()
