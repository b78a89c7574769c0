"""Open a file or stream with PyAV, learn its facts, and say plainly why it cannot be opened."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import av
import av.container
import av.error
import av.sidedata.sidedata
import av.stream
import av.video
import numpy as np

from engine.errors import SourceError
from engine.sources.source import SourceInfo

Container: TypeAlias = av.container.InputContainer
Stream: TypeAlias = av.video.VideoStream

OPEN_SECONDS = 10.0  # a host that does not answer is given up after this
READ_SECONDS = 10.0  # a stream that sends nothing is given up after this
_ENDLESS = {"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "udp", "tcp", "mms", "mmsh"}
_NOT_PICTURES = {"tty"}  # FFmpeg would render any .txt file as a video of its letters


def is_url(text: str) -> bool:
    """Whether this names something on a network, not a file."""
    return re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE) is not None


def shown(text: str) -> str:
    """The name for messages and results: a URL loses its password."""
    if not is_url(text):
        return text
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", text)


def open_container(text: str) -> tuple[Container, Stream]:
    """Open a video file or stream and pick its video.

    Raises:
        SourceError: it is missing, empty, unreadable, not a video, or has sound only.
    """
    if not is_url(text):
        _check_file(Path(text))
    try:
        container = av.open(
            text,
            metadata_errors="replace",
            options={"rtsp_transport": "tcp"} if text.lower().startswith("rtsp") else {},
            timeout=(OPEN_SECONDS, READ_SECONDS) if is_url(text) else None,
        )
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(_why_not(text, error)) from error
    try:
        return container, _video_of(container, shown(text))
    except SourceError:
        container.close()
        raise


def _check_file(path: Path) -> None:
    if not path.exists():
        raise SourceError(f"there is no file {path}")
    if not path.is_file() and not path.is_fifo():
        raise SourceError(f"{path} is not a file")
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes); record or copy it again")


def _video_of(container: Container, name: str) -> Stream:
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if container.format.name in _NOT_PICTURES:
        raise SourceError(f"{name} is text, not a video")
    if not streams:
        what = "sound but no video" if container.streams.audio else "no video"
        raise SourceError(f"{name} contains {what}")
    if streams[0].codec_context is None:
        raise SourceError(
            f"{name} is coded in a way this FFmpeg does not know; convert it to H.264"
        )
    return streams[0]


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _why_not(text: str, error: Exception) -> str:
    name = shown(text)
    if isinstance(error, av.error.ExitError | TimeoutError):
        return f"{name} did not answer within {OPEN_SECONDS:g} s; is the address right?"
    if isinstance(error, PermissionError):
        return f"{name} may not be read: permission denied"
    if isinstance(error, av.error.InvalidDataError):
        return f"{name} sends no video" if is_url(text) else _not_a_video(Path(text))
    return f"{name} cannot be opened: {getattr(error, 'strerror', None) or error}"


def _not_a_video(path: Path) -> str:
    with path.open("rb") as file:
        is_mp4 = file.read(12)[4:8] == b"ftyp"
    if is_mp4:
        return (
            f"{path} breaks off before its index (the end of an MP4 file is missing), so no frame "
            "can be found; copy it again, or rebuild the index with a repair tool"
        )
    return f"{path} is not a video, or none that FFmpeg can read"


def describe(container: Container, stream: Stream, first: av.VideoFrame, text: str) -> SourceInfo:
    """The facts of an opened video; `first` is its first decoded frame."""
    turn = rotation(first)
    size = (first.width, first.height) if turn % 180 == 0 else (first.height, first.width)
    duration = _duration(container, stream)
    rate = stream.average_rate or stream.guessed_rate
    scheme = urlsplit(text).scheme.lower() if is_url(text) else ""
    live = scheme in _ENDLESS or (bool(scheme) and duration is None)
    return SourceInfo(
        kind="stream" if scheme else "video",
        size=size,
        rotation=turn,
        mirrored=is_mirrored(first),
        pixel_aspect=_pixel_aspect(stream, turn),
        rate=float(rate) if rate else None,
        frames=expected_frames(container, stream),
        duration=duration,
        codec=stream.codec_context.name,
        has_audio=bool(container.streams.audio),
        live=live,
        time_base=stream.time_base,
    )


def expected_frames(container: Container, stream: Stream) -> int | None:
    """How many frames the container says it shows; None where it does not say.

    In MP4 an edit list hides samples: the index marks those, the header counts them. A file in
    fragments has an index that grows while it is read, so it does not say.
    """
    if "mp4" not in container.format.name:
        return stream.frames or None
    if stream.frames == 0 or stream.frames != len(stream.index_entries):
        return None
    return sum(not entry.is_discard for entry in stream.index_entries) or None


def expected_end(container: Container, stream: Stream) -> float | None:
    """When the last frame should end, seconds in the container's time; None: not known."""
    if tag := stream.metadata.get("DURATION"):  # Matroska, per stream
        return _seconds(tag)
    if "matroska" in container.format.name and len(container.streams) == 1 and container.duration:
        return container.duration / 1e6
    return None


def _seconds(clock: str) -> float | None:
    match = re.match(r"(\d+):(\d+):(\d+(?:\.\d+)?)", clock)
    if not match:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _duration(container: Container, stream: Stream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _pixel_aspect(stream: Stream, turn: int) -> Fraction:
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return aspect if turn % 180 == 0 else 1 / aspect


def rotation(frame: av.VideoFrame) -> int:
    """Degrees clockwise, a multiple of 90, by which the stored picture must be turned."""
    x, y = _matrix(frame)[1]  # mirroring left to right leaves the y axis alone
    return round(float(np.degrees(np.arctan2(-x, y))) / 90) * 90 % 360


def is_mirrored(frame: av.VideoFrame) -> bool:
    """Whether the stored picture must be mirrored left to right before it is turned."""
    return bool(np.linalg.det(_matrix(frame)) < 0)


def _matrix(frame: av.VideoFrame) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(2, 2): where the stored x axis (row 0) and y axis (row 1) point when shown, y down."""
    data = frame.side_data.get(av.sidedata.sidedata.Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    if data is None:
        return np.eye(2)
    return np.frombuffer(data, np.int32).reshape(3, 3)[:2, :2] / 65536.0
