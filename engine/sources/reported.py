"""A source that reports its end and its failure, so that other sources go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from engine.errors import PoseError
from engine.sources.reconnect import Change, Status, Tell
from engine.sources.source import Source, SourceInfo
from engine.types import Frame

log = logging.getLogger(__name__)


class Reported:
    """Wraps any source."""

    def __init__(self, inner: Source, tell: Tell, *, alone: Callable[[], bool]) -> None:
        """Wrap a source; `alone` says whether it is the only one that is being read."""
        self.inner = inner
        self.name = inner.name
        self.over = False  # nothing more comes, as was reported
        self._tell, self._alone = tell, alone
        self._closed = False

    @property
    def info(self) -> SourceInfo:
        """What is known by now."""
        return self.inner.info

    def frames(self) -> Iterator[Frame]:
        """The frames of the source; that it cannot be read is reported, not raised.

        Raises:
            Exception: a bug, and nothing else is left to watch.
        """
        try:
            yield from self.inner.frames()
        except PoseError as error:
            self._end("failed", str(error))
        except Exception as error:
            if self._alone() and not self._closed:
                raise
            log.warning("%s has failed", self.name, exc_info=error)
            self._end("failed", f"{self.name}: unexpected {type(error).__name__}: {error}")
        else:
            self._end("ended", f"{self.name} has ended.")

    def close(self) -> None:
        """Stop it, from any thread; what it says afterwards is not reported."""
        self._closed = True
        self.inner.close()

    def _end(self, status: Status, text: str) -> None:
        self.over = True
        if not self._closed:
            self._tell(Change(self.name, status, text))
