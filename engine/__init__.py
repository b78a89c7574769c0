"""Frames in, people out. `engine.api` is what a library user imports."""

import os

# Read by OpenCV when it is first imported: a larger picture is refused instead of filling the
# memory. See engine.sources.pictures.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 28))
