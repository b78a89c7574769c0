"""An HTTP server on this machine that misbehaves on request, for tests of downloads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal[
    "none", "breaks", "corrupt", "404", "503", "stalls", "ignores ranges", "new version", "no tag"
]


@dataclass
class FaultyServer:
    """Serves `content` under every path; request i shows `faults[i]`, later ones the last."""

    url: str
    content: bytes
    faults: list[Fault]
    ranges: list[str | None] = field(default_factory=list)  # the Range header of each request
    sent: list[int] = field(default_factory=list)  # body bytes of each answer
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def requests(self) -> int:
        return len(self.ranges)


@contextmanager
def faulty_server(content: bytes, *faults: Fault) -> Iterator[FaultyServer]:
    """Start it, hand it over, stop it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, state)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = FaultyServer(f"http://127.0.0.1:{server.server_port}/file.bin", content, list(faults))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, state: FaultyServer) -> None:
    asked = request.headers.get("Range")
    fault = state.faults[min(state.requests, len(state.faults) - 1)] if state.faults else "none"
    state.ranges.append(asked)
    if fault in ("404", "503"):
        state.sent.append(0)
        request.send_error(int(fault))
        return
    tag = '"second"' if fault == "new version" else '"first"'
    content = state.content
    if fault == "corrupt":
        content = content[:-1] + bytes([content[-1] ^ 1])
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
    if fault == "ignores ranges" or request.headers.get("If-Range", tag) != tag:
        start = 0
    if start >= len(content):
        state.sent.append(0)
        request.send_response(416)
        request.send_header("Content-Range", f"bytes */{len(content)}")
        request.end_headers()
        return
    body = content[start:]
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if fault != "no tag":
        request.send_header("ETag", tag)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if fault in ("breaks", "stalls"):
        body = body[: len(body) // 2]
    state.sent.append(len(body))
    with suppress(ConnectionError):  # the client may have seen enough
        request.wfile.write(body)
        request.wfile.flush()
    if fault == "stalls":
        state.closing.wait()
