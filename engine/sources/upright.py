"""Decoded frames as RGB pictures that stand upright, for files, streams and the screen alike."""

from __future__ import annotations

import av
import av.sidedata.sidedata
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


class Upright:
    """Converts the frames of one source; the first frame says how they lie."""

    def __init__(self, first: av.VideoFrame) -> None:
        matrix = _matrix(first)
        x, y = matrix[1]  # mirroring left to right leaves the y axis alone
        self.rotation = round(float(np.degrees(np.arctan2(-x, y))) / 90) * 90 % 360
        self.mirrored = bool(np.linalg.det(matrix) < 0)
        self.size = (
            (first.width, first.height) if self.rotation % 180 == 0 else (first.height, first.width)
        )  # fmt: skip  (width, height) of the upright pictures, pixels
        self._converter = VideoReformatter()

    def pixels(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, mirrored and turned as the source says."""
        pixels = _array(self._converter.reformat(frame, format="rgb24", threads=1))
        if self.mirrored:
            pixels = np.asarray(cv2.flip(pixels, 1), np.uint8)
        turn = _TURNS.get(self.rotation)
        return pixels if turn is None else np.asarray(cv2.rotate(pixels, turn), np.uint8)


def _array(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """(H, W, 3): the frame's own memory where its rows have no padding, else a copy."""
    plane = frame.planes[0]
    if plane.line_size == 3 * frame.width:
        flat: NDArray[np.uint8] = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
        return flat.reshape(frame.height, frame.width, 3)
    return np.asarray(frame.to_ndarray(), np.uint8)


def _matrix(frame: av.VideoFrame) -> NDArray[np.float64]:
    """(2, 2): where the stored x axis (row 0) and y axis (row 1) point when shown, y down."""
    try:
        data = frame.side_data.get(av.sidedata.sidedata.Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    except ValueError:  # beside it lie data that PyAV has no name for, such as EXIF
        angle = np.radians(-frame.rotation)
        return np.array(((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))))
    if data is None:
        return np.eye(2)
    return np.asarray(np.frombuffer(data, np.int32).reshape(3, 3)[:2, :2] / 65536.0)
