"""Servers on loopback that send pictures, stop, come back, keep silent or lie."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def picture(number: int, size: tuple[int, int]) -> bytes:
    """A JPEG whose brightness grows with `number`."""
    w, h = size
    pixels = np.full((h, w, 3), 40 + number % 150, np.uint8)
    cv2.circle(pixels, (10 + 5 * number % (w - 20), h // 2), 8, (255, 255, 255), -1)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


class MjpegServer:
    """An HTTP camera. `kill` breaks all connections, as a power cut would."""

    def __init__(
        self, port: int | None = None, rate: float = 25.0, *, first_boundary: bool = True
    ) -> None:
        self.port = port or free_port()
        self.size = (320, 240)
        self.rate = rate
        self.first_boundary = first_boundary  # left out by an ESP32 camera's older programs
        self.sent: list[float] = []  # when pictures of the newest connection were, perf_counter
        self.silent = False
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video.mjpg"

    def __enter__(self) -> MjpegServer:
        self.start()
        return self

    def __exit__(self, *error) -> None:
        self.kill()

    def start(self) -> None:
        outer = self
        alive = self._alive = threading.Event()
        alive.set()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path != "/video.mjpg":
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                number = 0
                boundary = b"--frame\r\n"
                if outer.first_boundary:
                    self.wfile.write(boundary)
                outer.sent = sent = []
                while alive.is_set():
                    if not outer.silent:
                        data = picture(number, outer.size)
                        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                        sent.append(time.perf_counter())
                        try:
                            self.wfile.write(head.encode() + data + b"\r\n" + boundary)
                        except OSError:
                            return
                        number += 1
                    time.sleep(1 / outer.rate)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def kill(self) -> None:
        if self._server:
            self._alive.clear()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None


class SilentServer:
    """Accepts connections and says nothing."""

    def __enter__(self) -> SilentServer:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._kept: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._kept:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                self._kept.append(self._socket.accept()[0])
            except OSError:
                return
