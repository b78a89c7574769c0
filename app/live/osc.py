"""Open Sound Control over UDP, for lighting, music and stage programs: `osc://host:port`.

A bundle per frame. Positions are pixels of the frame, as in NDJSON; a joint that was not found is
NaN. Addresses and arguments: docs/live.md.
"""

from __future__ import annotations

import time

import numpy as np
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import UDPClient

from app.live.outputs import Context
from app.live.sinks import host_and_port
from app.overlay.look import Look
from app.overlay.traces import Traces
from app.tracks.rounding import rounded
from engine.errors import OutputError
from engine.types import Result

_AGAIN = 2.0  # s between descriptions of the source, for those who listen later


def open_output(target: str, context: Context) -> OscOutput:
    """Begin to send.

    Raises:
        OutputError: the host is not known.
    """
    host, port = host_and_port(target)
    try:
        return OscOutput(UDPClient(host, port), context)
    except OSError as error:
        raise OutputError(f"cannot send to {target}: {error.strerror}") from error


class OscOutput:
    """A bundle per frame: the frame, then each person."""

    listeners = None

    def __init__(self, client: UDPClient, context: Context) -> None:
        self.lost = 0  # bundles the network refused
        self._client, self._context = client, context
        self._described: dict[str, float] = {}

    def write(self, result: Result, look: Look, traces: Traces) -> None:
        """Send one frame; a datagram that the network refuses is lost, as datagrams may be."""
        source = result.frame.source
        now = time.monotonic()
        if now - self._described.get(source, -_AGAIN) >= _AGAIN:
            self._described[source] = now
            self._send(self._description(result))
        bundle = OscBundleBuilder(IMMEDIATELY)
        frame, poses = result.frame, rounded(result.poses)
        people = len(poses)
        bundle.add_content(
            _message("/posestream/frame", source, frame.index, float(frame.time), people)
        )
        joints = np.concatenate([poses.xy, poses.joint_score[..., None]], -1)
        for row, number in enumerate(poses.ids.tolist()):
            name = look.names.get((source, number), "")
            score = float(poses.score[row])
            values = joints[row].ravel().tolist()
            bundle.add_content(_message("/posestream/person", source, number, name, score, *values))
        self._send(bundle.build())

    def close(self, error: str | None = None) -> None:
        """Say that it has ended."""
        self._send(_message("/posestream/end", error or ""))
        self._client._sock.close()

    def _description(self, result: Result) -> OscMessage:
        names = self._context.header(result)["keypoints"]
        width, height = result.frame.size
        return _message("/posestream/source", result.frame.source, width, height, *names)

    def _send(self, content: object) -> None:
        try:
            self._client.send(content)  # type: ignore[arg-type]
        except OSError:
            self.lost += 1


def _message(address: str, *values: str | int | float) -> OscMessage:
    """A message; whole numbers are int32, others float32 but for times, which are doubles."""
    builder = OscMessageBuilder(address)
    for value in values:
        if address.endswith("frame") and isinstance(value, float):
            builder.add_arg(value, builder.ARG_TYPE_DOUBLE)
        else:
            builder.add_arg(value)
    return builder.build()
