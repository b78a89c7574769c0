"""Where live results go, by name: `-`, a file, udp://, ws://, osc://, lsl:, camera:, and plug-ins.

A package adds a target of its own with an entry point in the group `posestream.outputs`, named like
the scheme: `name = "package.module:open"`, where `open(target, context)` returns an `Output`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from app.live.offer import GROUP
from app.live.publish import Publisher
from app.live.sinks import open_sink
from app.overlay.look import Look
from app.overlay.marks import MakePlate
from app.overlay.traces import Traces
from engine.errors import OutputError
from engine.types import Result

# scheme -> module with `open_output`, and the extra that brings what it needs
_OWN: Final = {
    "osc": ("app.live.osc", "osc"),
    "lsl": ("app.live.lsl", "lsl"),
    "camera": ("app.live.virtual_camera", "camera"),
}


@dataclass(frozen=True, slots=True)
class Context:
    """What an output may want to know."""

    header: Callable[[Result], Mapping[str, Any]]  # as the first line of NDJSON
    several: bool  # whether results of several sources may come
    raw: bool  # whether positions before smoothing are worth sending
    plates: MakePlate | None = None  # makes texts on pictures
    inputs: Sequence[str] = ()  # what is read; a file among them is not written to
    force: bool = False  # replace a file that is there
    failed: Mapping[str, str] = field(default_factory=dict)  # source -> why, as it happens
    alone: Callable[[], bool] = lambda: False  # whether there is one source only, at present


class Output(Protocol):
    """Takes results. `write` does not wait for those who listen."""

    @property
    def lost(self) -> int:
        """Results, or parts of them, that did not fit."""
        ...

    @property
    def listeners(self) -> int | None:
        """How many listen now; None: the protocol does not know."""
        ...

    def write(self, result: Result, look: Look, traces: Traces) -> None:
        """Send the people of one frame.

        Raises:
            OutputError: nothing can be sent any more.
        """
        ...

    def close(self, error: str | None = None) -> None:
        """Say that nothing more comes; `error` is why, if it was not meant to end."""
        ...


def open_output(target: str, context: Context) -> Output:
    """Open a target.

    Raises:
        OutputError: it is not understood, cannot be opened, or needs a package that is missing.
    """
    scheme = target.partition(":")[0].lower()
    plugged = {point.name: point for point in entry_points(group=GROUP)}
    if scheme in plugged:
        opened: Output = plugged[scheme].load()(target, context)
        return opened
    if scheme not in _OWN:
        return LineOutput(target, context)
    module, extra = _OWN[scheme]
    try:
        made: Output = importlib.import_module(module).open_output(target, context)
    except ImportError as error:
        raise OutputError(
            f"{scheme}: needs a package: pip install 'posestream[{extra}]' ({error})"
        ) from error
    return made


class LineOutput:
    """The lines of NDJSON to anything that takes lines."""

    def __init__(self, target: str, context: Context) -> None:
        self._sink = open_sink(target, inputs=context.inputs, force=context.force)
        self._label: tuple[Look, str] | None = None
        self._publisher = Publisher(
            self._sink,
            context.header,
            several=context.several,
            raw=context.raw,
            label=self._name,
            failed=context.failed,
        )

    @property
    def lost(self) -> int:
        """Lines that did not fit into a datagram."""
        return int(getattr(self._sink, "lost", 0))

    @property
    def listeners(self) -> int | None:
        """WebSocket clients; None for what does not know."""
        clients = getattr(self._sink, "clients", None)
        return clients if isinstance(clients, int) else None

    def write(self, result: Result, look: Look, traces: Traces) -> None:
        """Append one line.

        Raises:
            OutputError: it cannot be written.
        """
        self._label = look, result.frame.source
        self._publisher.write(result)

    def close(self, error: str | None = None) -> None:
        """Write the last line of each source."""
        self._publisher.close(error)

    def _name(self, number: int) -> str | None:
        look, source = self._label or (Look(), "")
        return look.names.get((source, number))
