"""Little videos with known frames, times, rotation and sound, written for the tests that read them.

Every frame carries its own number as ten black or white squares along its upper edge, and a red
patch in its lower left corner, so that a test can tell which frame it got and which way up it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 10
SQUARE = 16  # pixels: two coding blocks, so that the squares survive compression


def numbered(index: int, size: tuple[int, int] = (192, 96)) -> np.ndarray:
    """A (H, W, 3) RGB picture that `number_of` can read; `size` is (width, height)."""
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    for bit in range(BITS):
        x = bit * SQUARE
        picture[:SQUARE, x : x + SQUARE] = 230 if index >> bit & 1 else 20
    picture[-SQUARE:, :SQUARE] = 255, 30, 30
    return picture


def number_of(picture: np.ndarray) -> int:
    """The number `numbered` wrote into this picture."""
    strip = picture[SQUARE // 4 : SQUARE * 3 // 4, : BITS * SQUARE].mean((0, 2))
    bits = strip.reshape(BITS, SQUARE)[:, SQUARE // 4 : SQUARE * 3 // 4].mean(1) > 128
    return int(np.dot(bits, 1 << np.arange(BITS)))


def is_upright(picture: np.ndarray) -> bool:
    """Whether the red patch is in the lower left corner."""
    patch = picture[-SQUARE // 2 :, : SQUARE // 2].reshape(-1, 3).mean(0)
    return bool(patch[0] > 180 and patch[1] < 90 and patch[2] < 90)


def write_clip(
    path: Path,
    frames: int = 30,
    size: tuple[int, int] = (192, 96),
    rate: Fraction | int = 30,
    ticks: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    clockwise: int = 0,
    mirrored: bool = False,
    sound: bool = False,
) -> Path:
    """Write numbered frames; `size` and the numbers are as displayed, after rotation.

    Args:
        ticks: the time stamp of each frame in units of `time_base`; default: 0, 1, 2 … of 1/rate.
        clockwise: degrees a player must turn the stored picture to show it upright.
        mirrored: a player must also mirror the stored picture left to right, before turning it.
    """
    time_base = time_base or 1 / Fraction(rate)
    fast = {"preset": "ultrafast"} if codec == "libx264" else {}
    with av.open(str(path), "w", options=container_options or {}) as file:
        stream = file.add_stream(
            codec, rate=Fraction(rate), options=fast | (options or {"g": "10"})
        )
        stored = size if clockwise % 180 == 0 else size[::-1]
        stream.width, stream.height = stored
        stream.pix_fmt = "yuv420p" if stored[0] % 2 == stored[1] % 2 == 0 else "yuv444p"
        stream.time_base = stream.codec_context.time_base = time_base
        stream.set_display_matrix(_matrix(clockwise, mirrored))
        audio = file.add_stream("aac", rate=48000, layout="mono") if sound else None
        for index in range(frames):
            picture = np.rot90(numbered(index, size), clockwise // 90)
            picture = picture[:, ::-1] if mirrored else picture
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts = ticks[index] if ticks else index
            frame.time_base = time_base
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if audio is not None:
            _write_sound(file, audio, frames / float(rate))
    return path


def _matrix(clockwise: int, mirrored: bool) -> list[int]:
    """The display matrix: first mirror, then turn; 16.16 fixed point, y down."""
    c, s = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[clockwise]
    x = -1 if mirrored else 1
    return [x * c * 65536, x * s * 65536, 0, -s * 65536, c * 65536, 0, 0, 0, 1 << 30]


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as file:
        _write_sound(file, file.add_stream("aac", rate=48000, layout="mono"), seconds)
    return path


def _write_sound(file, stream, seconds: float) -> None:
    wave = np.sin(np.arange(int(48000 * seconds)) / 20).astype(np.float32) * 0.1
    for start in range(0, len(wave), 1024):
        samples = wave[None, start : start + 1024]
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))
