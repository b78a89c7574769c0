"""One picture from its bytes, for image folders, measuring and training alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.sources.addresses import shown

MOST_PIXELS = 1 << 28  # 805 MB of RGB; engine/__init__.py has OpenCV refuse larger ones


class NotAPicture(Exception):
    """Why bytes are no picture: the rest of a sentence that begins with the file's name."""


def decode_picture(coded: bytes | NDArray[np.uint8], *, turned: bool = True) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, 16 bits reduced to 8.

    Args:
        coded: the file's bytes.
        turned: as its EXIF tag says.

    Raises:
        NotAPicture: it is none, a damaged one, or larger than `MOST_PIXELS`.
    """
    data = np.frombuffer(coded, np.uint8) if isinstance(coded, bytes) else coded
    flags = cv2.IMREAD_COLOR if turned else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(data, flags) if data.size else None
        if bgr is None:
            raise NotAPicture("is not an image, or a damaged one")
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr), np.uint8)
    except cv2.error as error:
        if "PIXELS" in str(error):
            raise NotAPicture(f"has more than {MOST_PIXELS} pixels; make it smaller") from error
        raise NotAPicture(f"cannot be decoded ({shown(error.err or str(error))})") from error
    except MemoryError as error:
        raise NotAPicture("is too large for the memory of this machine") from error
