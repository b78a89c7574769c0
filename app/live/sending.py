"""Sends live results to targets that may be switched on and off; each on a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from app.live.outputs import Context, Output, open_output
from app.live.protocol import Sent, Tell
from app.overlay.look import Look
from app.overlay.traces import Traces
from engine.cores import stand_back
from engine.errors import PoseError
from engine.types import Result

_WAITING = 8  # results; then the oldest is lost: who acts on it wants the newest
_SAY = 0.5  # s between reports

Item = tuple[Result, Look, Traces]


class Sending:
    """Belongs to a session; `write` is called on the engine thread and never waits."""

    def __init__(
        self,
        header: Callable[[Result], Mapping[str, Any]],
        failed: Mapping[str, str],
        tell: Tell,
        alone: Callable[[], bool],
    ) -> None:
        """Send to none yet.

        Args:
            failed: of sources why they ended early, once they have.
            alone: whether there is one source only, at present.
        """
        self._header, self._failed, self._tell, self._alone = header, failed, tell, alone
        self._senders: dict[str, _Sender] = {}

    def use(self, targets: frozenset[str]) -> None:
        """Send to exactly these from now on. Any thread; returns at once."""
        now = dict(self._senders)
        for target in now.keys() - targets:
            now.pop(target).end()
        for target in targets - now.keys():
            context = Context(
                self._header, several=True, raw=True, failed=self._failed, alone=self._alone
            )
            now[target] = _Sender(target, context, self._tell)
        self._senders = now

    def write(self, result: Result, look: Look, traces: Traces) -> None:
        """Hand a result to every target."""
        for sender in self._senders.values():
            sender.put((result, look, traces))

    def close(self, error: str | None = None) -> None:
        """End all; `error` is why, if it was not meant to end."""
        senders, self._senders = self._senders, {}
        for sender in senders.values():
            sender.end(error)
        for sender in senders.values():
            sender.thread.join(2.0)


class _Sender:
    """One target: a short queue, a thread, and counters."""

    def __init__(self, target: str, context: Context, tell: Tell) -> None:
        self._target, self._context, self._tell = target, context, tell
        self._waiting: queue.Queue[Item | None] = queue.Queue()
        self._frames = self._lost = 0
        self._said = 0.0
        self._over = False
        self._error: str | None = None
        self.thread = threading.Thread(target=self._run, name=f"sending {target}", daemon=True)
        self.thread.start()

    def put(self, item: Item) -> None:
        if self._over:
            return
        while self._waiting.qsize() >= _WAITING:
            try:
                self._waiting.get_nowait()
                self._lost += 1
            except queue.Empty:
                break
        self._waiting.put(item)

    def end(self, error: str | None = None) -> None:
        self._over, self._error = True, error
        self._waiting.put(None)

    def _run(self) -> None:
        stand_back()
        output: Output | None = None
        try:
            output = open_output(self._target, self._context)
            self._report(output)
            while (item := self._waiting.get()) is not None:
                output.write(*item)
                self._frames += 1
                if time.monotonic() - self._said > _SAY:
                    self._report(output)
        except PoseError as error:
            self._over = True
            self._tell(Sent(self._target, self._frames, self._lost, None, str(error)))
        finally:
            if output:
                output.close(self._error)

    def _report(self, output: Output) -> None:
        self._said = time.monotonic()
        lost = self._lost + output.lost
        self._tell(Sent(self._target, self._frames, lost, output.listeners))
