"""How the network's threads share the processor with the rest of the program."""

import os


def share_the_cores() -> None:
    """Let the network's threads sleep while they wait for each other; call before torch is loaded.

    Spinning is slightly faster on an idle machine. Beside a decoder, an encoder or another program,
    a spinning thread takes the core of the thread it waits for: 8 to 20 times slower was measured.
    A value the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def draw_on_one_core() -> None:
    """Let OpenCV work on the thread that calls it; call before it is loaded, for live runs.

    Its other threads spin while they wait for the next picture: half a millisecond of scaling
    gained, but 5 ms of a core per frame taken from the network and the window was measured.
    """
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
