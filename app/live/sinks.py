"""Where live results go without a window: standard output, a file, UDP, WebSocket clients."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from app.tracks.lines import Lines, LineSink, StandardOutput, is_header
from engine.errors import OutputError

LOOPBACK = "127.0.0.1"
_HEADERS_AGAIN = 2.0  # s; who listens later learns what the lines mean
_MOST_BYTES = 65_000  # of a datagram

log = logging.getLogger(__name__)


def open_sink(target: str, *, inputs: Sequence[str] = (), force: bool = False) -> LineSink:
    """Open a sink for lines.

    Args:
        target: "-" for standard output, a file, udp://host:port, or ws://host:port to serve
            WebSocket clients; ws://:port serves this machine only.
        inputs: what is read; a file among them is never written to.
        force: replace a file that is there.

    Raises:
        OutputError: the target is not understood, cannot be opened, or is a file that is there.
    """
    if target == "-":
        return StandardOutput()
    scheme = target.partition("://")[0].lower() if "://" in target else ""
    if scheme == "udp":
        return Datagrams(*host_and_port(target))
    if scheme == "ws":
        from app.live.websocket import WebSocketServer

        return WebSocketServer(*host_and_port(target))
    if scheme:
        raise OutputError(
            f"cannot write to {target}: use -, a file, udp://…, ws://…, osc://…, lsl:… or camera:"
        )
    return Lines(_free(Path(target), inputs, force=force))


def _free(file: Path, inputs: Sequence[str], *, force: bool) -> Path:
    """The file, if nothing is lost by writing to it."""
    if any(Path(text).is_file() and file.exists() and file.samefile(text) for text in inputs):
        raise OutputError(f"{file} is read as a source and would be written over; choose another")
    if file.is_file() and file.stat().st_size and not force:
        raise OutputError(f"{file} is there already; choose another name, or replace it: --force")
    return file


class Datagrams:
    """One line per UDP datagram. Never blocks; the header is repeated for late receivers."""

    def __init__(self, host: str, port: int) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            raise OutputError(f"cannot send to udp://{host}:{port}: {error.strerror}") from error
        self._to = found[4]
        self._socket = socket.socket(found[0], socket.SOCK_DGRAM)
        self._headers: list[str] = []
        self._told = time.monotonic()
        self.lost = 0

    def add(self, line: str) -> None:
        """Send a line; a datagram that the network refuses is lost, as datagrams may be."""
        if is_header(line):
            self._headers.append(line)
        elif time.monotonic() - self._told > _HEADERS_AGAIN:
            self._told = time.monotonic()
            for header in self._headers:
                self._send(header)
        self._send(line)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _send(self, line: str) -> None:
        packet = line.encode() + b"\n"
        if len(packet) > _MOST_BYTES:
            self.lost += 1
            if self.lost == 1:
                log.warning("a line of %d bytes does not fit into a datagram", len(packet))
            return
        try:
            self._socket.sendto(packet, self._to)
        except OSError as error:
            log.debug("datagram lost: %s", error)


def host_and_port(target: str) -> tuple[str, int]:
    """The two parts of scheme://host:port; without a host this machine.

    Raises:
        OutputError: there is no port.
    """
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        port = None
    if port is None:
        raise OutputError(f"{target} has no port: write it as in {target.split('/')[0]}//host:8765")
    return parts.hostname or LOOPBACK, port
