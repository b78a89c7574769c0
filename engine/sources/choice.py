"""Which of a file's video streams is the video."""

from __future__ import annotations

from typing import TypeAlias

import av.container
import av.stream
import av.video

from engine.errors import SourceError

Container: TypeAlias = av.container.InputContainer
Stream: TypeAlias = av.video.VideoStream

_STILLS = frozenset({"mjpeg", "png", "bmp", "gif", "webp", "tiff"})  # what covers are coded in
_HEIF = frozenset({"heic", "heix", "heim", "heis", "mif1", "avif"})  # brands of single pictures
_NOT_PICTURES = {"tty"}  # FFmpeg would render any .txt file as a video of its letters


def main_video(container: Container, name: str) -> Stream:
    """The stream to read: of those that move the default one, else the largest, else the fastest.

    Cover pictures and previews are passed over, of the variants of an HLS stream the best is taken.

    Raises:
        SourceError: there is none that can be read.
    """
    if container.format.name in _NOT_PICTURES:
        raise SourceError(f"{name} is text, not a video")
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        what = "sound but no video" if container.streams.audio else "no video"
        raise SourceError(f"{name} contains {what}")
    readable = [stream for stream in streams if stream.codec_context is not None]
    if not readable:
        raise SourceError(
            f"{name} is coded in a way this FFmpeg does not know; convert it to H.264"
        )
    _refuse_tiles(container, readable, name)
    chosen = max(readable, key=_rank)
    for stream in container.streams:
        if stream is not chosen and stream.type == "video":
            stream.discard = av.stream.Discard.all  # of an HLS stream, nothing else is fetched
    return chosen


def _is_cover(stream: Stream) -> bool:
    covers = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    return bool(stream.disposition & covers)


def _rank(stream: Stream) -> tuple[bool, bool, int, float, int]:
    context, rate = stream.codec_context, float(stream.average_rate or 0)
    moves = context.name not in _STILLS or (rate > 1 and stream.frames != 1)
    is_default = bool(stream.disposition & av.stream.Disposition.default)
    bits = str(stream.metadata.get("variant_bitrate", ""))
    area = context.width * context.height
    return moves, is_default, area, rate, int(bits) if bits.isdecimal() else 0


def _refuse_tiles(container: Container, streams: list[Stream], name: str) -> None:
    """A phone's HEIC picture is a grid of tiles, each of which FFmpeg gives as a video."""
    brand = str(container.metadata.get("major_brand", "")).strip()
    sizes = [(s.codec_context.width, s.codec_context.height) for s in streams]
    tiles = max(map(sizes.count, sizes))
    if brand in _HEIF and tiles > 1:
        raise SourceError(
            f"{name} is a picture of {tiles} tiles (HEIC), which this program does not put "
            "together; save it as JPEG first"
        )
