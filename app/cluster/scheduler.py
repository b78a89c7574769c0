"""Runs the flows of many inputs with a bounded number of calls in flight.

Calls of the input that began first are started first, so inputs are finished one after the other
and what is held in memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.cluster.flow import Flow
from app.cluster.work import Batch, Call
from app.process.outcome import Outcome
from app.signals import Stop

POLL = 1.0  # s between two looks at whether a stop was requested


class Executor(Protocol):
    """Runs calls elsewhere."""

    def start(self, call: Call) -> Hashable:
        """Begin a call; what stands for it."""
        ...

    def wait(self, running: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Some of the running calls that have ended; waits for the first, at most so long."""
        ...

    def answer(self, ended: Any) -> Any:
        """What a call returned, or a `Failure`."""
        ...

    def cancel(self, running: Sequence[Any]) -> None:
        """End calls at once."""
        ...


Watch = Callable[[Call, Any], None]


@dataclass(slots=True, eq=False)
class _Running:
    """A flow, and what it waits for."""

    flow: Flow
    batch: Batch
    calls: Iterator[Call]
    answers: dict[int, Any] = field(default_factory=dict)
    started: int = 0
    exhausted: bool = False

    def next_call(self) -> Call | None:
        """The next call to start."""
        call = None if self.exhausted else next(self.calls, None)
        if call is None:
            self.exhausted = True
        else:
            self.started += 1
        return call

    @property
    def complete(self) -> bool:
        """Whether all answers are there."""
        return self.exhausted and len(self.answers) == self.started


class Scheduler:
    """See the module."""

    def __init__(
        self,
        executor: Executor,
        most: Callable[[], int],
        watch: Watch = lambda call, answer: None,
    ) -> None:
        """Prepare.

        Args:
            most: calls in flight; asked for again and again, because machines come and go.
            watch: is given every call with its answer.
        """
        self._executor, self._most, self._watch = executor, most, watch
        self._active: list[_Running] = []
        self._in_flight: dict[Any, tuple[_Running, int, Call]] = {}
        self._done: list[Outcome] = []

    def run(self, flows: Iterator[Flow], stop: Stop) -> Iterator[Outcome]:
        """Yield the outcome of each flow as it ends; after a stop, of those that had ended."""
        try:
            while not stop.asked:
                self._fill(flows)
                yield from self._taken()
                if not self._in_flight:
                    return
                for ended in self._executor.wait(list(self._in_flight), POLL):
                    self._take(ended)
                yield from self._taken()
        finally:
            self._executor.cancel(list(self._in_flight))
            for running in self._active:
                running.flow.close()

    @property
    def unfinished(self) -> int:
        """Flows that have begun and not ended."""
        return len(self._active)

    def _fill(self, flows: Iterator[Flow]) -> None:
        most = self._most()
        while len(self._in_flight) < most:
            running, call = self._next()
            if call is None:
                flow = next(flows, None)
                if flow is None:
                    return
                self._begin(flow)
                continue
            assert running is not None
            handle = self._executor.start(call)
            self._in_flight[handle] = (running, running.started - 1, call)

    def _next(self) -> tuple[_Running | None, Call | None]:
        position = 0
        while position < len(self._active):
            running = self._active[position]
            call = running.next_call()
            if call is not None:
                return running, call
            if running.complete:
                self._advance(running)  # it may have ended, or have new calls
            else:
                position += 1
        return None, None

    def _begin(self, flow: Flow) -> None:
        try:
            batch = next(flow)
        except StopIteration as end:
            self._done.append(end.value)
            return
        self._active.append(_Running(flow, batch, iter(batch.calls)))

    def _take(self, ended: Any) -> None:
        running, position, call = self._in_flight.pop(ended)
        answer = self._executor.answer(ended)
        self._watch(call, answer)
        running.answers[position] = answer
        if running.batch.enough(answer):
            running.exhausted = True
        if not running.exhausted:
            return
        if running.complete:
            self._advance(running)

    def _advance(self, running: _Running) -> None:
        answers = [running.answers[n] for n in range(running.started)]
        try:
            batch = running.flow.send(answers)
        except StopIteration as end:
            self._active.remove(running)
            self._done.append(end.value)
            return
        running.batch, running.calls = batch, iter(batch.calls)
        running.answers, running.started, running.exhausted = {}, 0, False

    def _taken(self) -> Iterator[Outcome]:
        while self._done:
            yield self._done.pop(0)
