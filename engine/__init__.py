"""Frames in, people out. `engine.api` is what a library user imports.

The environment is set here because torch and OpenCV read it once, when they are first loaded.
"""

import os

from engine.cores import share_the_cores

share_the_cores()
# A larger picture is refused by OpenCV instead of filling the memory. See engine.sources.pictures.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 28))
# Of a camera that cannot be opened our own sentence is enough; it is tried again every 1.5 s.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
