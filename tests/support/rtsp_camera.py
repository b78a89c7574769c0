"""An RTSP camera that can be switched off: `rtsp_server.py` in the system's own Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.stream_servers import free_port

SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")


def has_gstreamer() -> bool:
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    try:
        return subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True).returncode == 0
    except OSError:
        return False


class RtspServer:
    def __init__(self):
        self.port = free_port()
        self.url = f"rtsp://127.0.0.1:{self.port}/camera"

    def start(self):
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, str(RTSP_SERVER), str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline().strip() == "ready"

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
