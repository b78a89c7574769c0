"""Serves lines to WebSocket clients. Never blocks; slow clients are disconnected.

Bounds: clients, lines waiting per client, bytes of what a client may send (which is ignored), and
seconds for the handshake. Pages in a browser may connect only from this machine's own addresses;
otherwise any web page could read who is in front of the camera.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Sequence

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from app.tracks.lines import is_header
from engine.errors import OutputError

MOST_CLIENTS = 16
MOST_WAITING = 32  # lines per client: about a second
_MOST_BYTES_IN = 4096
_HANDSHAKE = 5.0  # s
_START = 5.0  # s
_OWN_PAGES: Sequence[Origin | re.Pattern[str] | None] = (
    None,  # not a browser
    re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"),
)
_FULL = 1013  # close code: try again later

log = logging.getLogger(__name__)


class WebSocketServer:
    """A sink of lines; its event loop runs on a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        """Begin to serve.

        Raises:
            OutputError: the address cannot be used.
        """
        self.port = port  # the real one, where 0 was asked for
        self._host = host
        self._headers: list[str] = []
        self._clients: dict[ServerConnection, asyncio.Queue[str]] = {}
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="websocket", daemon=True)
        self._thread.start()
        self._started.wait(_START)
        if self._error:
            self._thread.join()
            why = self._error.strerror or str(self._error)
            raise OutputError(f"cannot serve ws://{host}:{port}: {why}") from self._error

    @property
    def clients(self) -> int:
        """How many listen now."""
        return len(self._clients)

    def add(self, line: str) -> None:
        """Hand a line to every client; returns at once."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._spread, line)

    def close(self) -> None:
        """Say goodbye to everyone and give the port back. May be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end)
            self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            self._error = error
        finally:
            self._loop.close()
            self._started.set()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with serve(
            self._attend,
            self._host,
            self.port,
            origins=_OWN_PAGES,
            max_size=_MOST_BYTES_IN,
            max_queue=4,
            open_timeout=_HANDSHAKE,
            close_timeout=1,
            write_limit=1 << 16,
            compression=None,
            logger=_quiet(),
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._started.set()
            await self._stop.wait()

    async def _attend(self, client: ServerConnection) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            await client.close(_FULL, f"{MOST_CLIENTS} clients are listening already")
            return
        waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING + len(self._headers))
        for header in self._headers:
            waiting.put_nowait(header)
        self._clients[client] = waiting
        sending = asyncio.create_task(_send(client, waiting))
        try:
            await _ignore(client)  # ends when the connection does
        finally:
            sending.cancel()
            self._clients.pop(client, None)

    def _spread(self, line: str) -> None:
        if is_header(line):
            self._headers.append(line)
        for client, waiting in list(self._clients.items()):
            if waiting.full():
                del self._clients[client]
                log.info("a WebSocket client was too slow and was disconnected")
                client.transport.abort()
            else:
                waiting.put_nowait(line)

    def _end(self) -> None:
        if self._stop:
            self._stop.set()


async def _send(client: ServerConnection, waiting: asyncio.Queue[str]) -> None:
    """Send line after line until the client has gone."""
    try:
        while True:
            await client.send(await waiting.get())
    except ConnectionClosed:
        pass


async def _ignore(client: ServerConnection) -> None:
    """Read what a client sends, so that it can say goodbye; its words mean nothing here."""
    try:
        async for _ in client:
            pass
    except ConnectionClosed:
        pass


def _quiet() -> logging.Logger:
    """Clients that break off or send nonsense are no news for the person at the terminal."""
    logger = logging.getLogger(f"{__name__}.connections")
    logger.setLevel(logging.CRITICAL)
    return logger
