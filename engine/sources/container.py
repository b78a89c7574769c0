"""Open a file or stream with PyAV, read its properties, and say why it cannot be opened.

Files for `process` and streams for `live` are opened here alike: with one set of time limits, one
table of errors (engine.sources.reasons) and one choice of the stream to read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.error

from engine.errors import SourceError
from engine.sources.addresses import STANDARD_INPUT, for_ffmpeg, is_url, scheme_of, shown
from engine.sources.choice import Container, Stream, main_video
from engine.sources.reasons import reason
from engine.sources.source import SourceInfo
from engine.sources.stored import StoredFile
from engine.sources.stores import is_stored
from engine.sources.structure import bytes_missing
from engine.sources.upright import Upright

OPEN_SECONDS = 10.0  # a host that does not answer is given up after this
READ_SECONDS = 5.0  # a stream that sends nothing is lost after this
# Titles that are not UTF-8 must not end a video; PyAV 19 replaces what it cannot read by itself.
METADATA: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
_ENDLESS = {"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "udp", "tcp", "mms", "mmsh"}
_TRANSPORT = {
    "rtsp": {"rtsp_flags": "prefer_tcp", "buffer_size": "4194304", "max_delay": "200000"},
    "rtsps": {"rtsp_transport": "tcp", "max_delay": "200000"},
    "udp": {"fifo_size": "65536", "overrun_nonfatal": "1", "buffer_size": "4194304"},
    "http": {"multiple_requests": "0"},
}
_NO_STAMPS = 0x80  # FFmpeg's AVFMT_NOTIMESTAMPS
# Enough to learn the size: by default FFmpeg watches for 5 s, which is how old pictures then are.
_PICTURES_ONLY = {"fpsprobesize": "0", "analyzeduration": "1", "probesize": "100000"}
_LOW_DELAY = {"fflags": "nobuffer", "analyzeduration": "1000000", "probesize": "1000000"}


@dataclass(frozen=True, slots=True)
class Address:
    """What PyAV opens."""

    text: str  # as FFmpeg takes it
    format: str | None = None  # FFmpeg's input format, where it cannot be guessed
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, *, live: bool = False) -> Address:
        """What a person typed: a file, a URL, or - for standard input.

        Args:
            live: a short delay is worth more than a careful look at the first pictures.
        """
        if text == STANDARD_INPUT:
            return cls("pipe:0")
        if is_stored(text):
            return cls(text)
        if not is_url(text):
            return cls(for_ffmpeg(text))
        options = _TRANSPORT.get(scheme_of(text), {})
        return cls(text, None, {**_LOW_DELAY, **options} if live else options)


def open_container(address: Address, name: str) -> tuple[Container, Stream]:
    """Open a video file or stream and pick its video.

    Args:
        name: for messages.

    Raises:
        SourceError: it is missing, empty, unreadable, not a video, or has sound only.
    """
    local = _local(address)
    if local is not None:
        _check_file(local, name)
    began = time.monotonic()
    try:
        container = _opened(address)
    except (av.error.FFmpegError, OSError) as error:
        # FFmpeg may report a timeout as "invalid data", so the elapsed time decides.
        late = _is_stream(address.text) and time.monotonic() - began > OPEN_SECONDS
        raise SourceError(_why_not(address, name, TimeoutError() if late else error)) from error
    try:
        return container, main_video(container, name)
    except SourceError:
        container.close()
        raise


def _opened(address: Address) -> Container:
    careful = replace(address, options=_TRANSPORT.get(scheme_of(address.text), {}))
    try:
        container = _tried(address)
    except av.error.InvalidDataError:
        if not scheme_of(address.text).startswith("http") or address.format:
            raise
        try:  # an ESP32 camera leaves out what must separate its first picture from the header
            options = {**careful.options, **_PICTURES_ONLY}
            return _tried(replace(careful, format="mjpeg", options=options))
        except av.error.FFmpegError:
            pass
        raise
    if is_snapshot(container) and "fflags" in address.options:
        container.close()  # opened for a low delay, FFmpeg throws the only picture away
        return _tried(careful)
    return container


def _tried(address: Address) -> Container:
    container: Container = av.open(
        readable(address.text),
        "r",
        format=address.format,
        options=dict(address.options),
        timeout=(OPEN_SECONDS, READ_SECONDS) if _is_stream(address.text) else None,
        **METADATA,
    )
    return container


def readable(text: str) -> str | StoredFile:
    """What PyAV opens for FFmpeg's name of a file, a URL, or the address of a stored file.

    Raises:
        SourceError: the stored file is not there, or may not be read.
    """
    return StoredFile(text, shown(text)) if is_stored(text) else text


def _is_stream(text: str) -> bool:
    return is_url(text) and not is_stored(text)


def _local(address: Address) -> Path | None:
    return Path(address.text[5:]) if address.text.startswith("file:") else None


def _check_file(path: Path, name: str) -> None:
    try:
        if not path.exists():
            raise SourceError(f"there is no file {name}")
        if path.is_dir():
            raise SourceError(f"{name} is a folder, not a file")
        if path.is_file() and path.stat().st_size == 0:
            raise SourceError(f"{name} is empty (0 bytes); record or copy it again")
    except OSError as error:  # such as a name that is too long
        raise SourceError(f"{name} cannot be opened: {error.strerror}") from error
    if not path.is_file() and not path.is_fifo():
        raise SourceError(f"{name} is not a file")


def _why_not(address: Address, name: str, error: Exception) -> str:
    local = _local(address)
    if is_stored(address.text) and isinstance(error, av.error.InvalidDataError):
        return f"{name} is not a video, or none that FFmpeg can read"
    if local is None:
        return f"{name}: {reason(address.text, error, OPEN_SECONDS)}"
    if isinstance(error, PermissionError):
        return f"{name} may not be read: permission denied"
    if isinstance(error, av.error.InvalidDataError):
        return _not_a_video(local, name)
    return f"{name} cannot be opened: {getattr(error, 'strerror', None) or error}"


def _not_a_video(path: Path, name: str) -> str:
    with path.open("rb") as file:
        is_mp4 = file.read(12)[4:8] == b"ftyp"
    if is_mp4:
        return (
            f"{name} breaks off before its index (the end of an MP4 file is missing), so no frame "
            "can be found; copy it again, or rebuild the index with a repair tool"
        )
    return f"{name} is not a video, or none that FFmpeg can read"


def describe(
    container: Container, stream: Stream, upright: Upright, rate: float | None, text: str
) -> SourceInfo:
    """The facts of an opened video.

    Args:
        upright: how its frames are turned.
        rate: frames per second, as measured.
        text: what was opened.
    """
    duration = _duration(container, stream)
    scheme = scheme_of(text) if _is_stream(text) else ""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return SourceInfo(
        kind="stream" if scheme or text == STANDARD_INPUT else "video",
        size=upright.size,
        rotation=upright.rotation,
        mirrored=upright.mirrored,
        pixel_aspect=aspect if upright.rotation % 180 == 0 else 1 / aspect,
        rate=rate,
        frames=expected_frames(container, stream),
        duration=duration,
        codec=stream.codec_context.name,
        has_audio=bool(container.streams.audio),
        live=scheme in _ENDLESS or (bool(scheme) and duration is None),
        time_base=stream.time_base,
    )


def is_snapshot(container: Container) -> bool:
    """Whether the address gives a single picture, not a stream of them."""
    return container.format.name == "image2" or container.format.name.endswith("_pipe")


def has_stamps(container: Container) -> bool:
    """Whether the sender says when its pictures were taken; FFmpeg invents 25 fps otherwise."""
    return not container.format.flags & _NO_STAMPS and not is_snapshot(container)


def comes_as_taken(container: Container, text: str) -> bool:
    """Whether a sender gives pictures as they are taken, without saying when that was.

    A file without time stamps that lies on a server has a size, a camera has none.
    """
    unstamped = not has_stamps(container) and not is_snapshot(container)
    return _is_stream(text) and unstamped and container.size <= 0


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


def is_whole(address: Address) -> bool:
    """Whether a file has all the bytes its structure announces, whatever its header claims."""
    local = _local(address)
    return local is not None and local.is_file() and bytes_missing(local) == 0


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
