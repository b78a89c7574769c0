"""How the network's threads share the processor with the rest of the program."""

import os
import sys
import threading

_NICER = 5  # steps of priority


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


def stand_back() -> None:
    """Let the window's thread go first: lower this thread, and those it starts from now on.

    The network and encoders keep every core busy; without this the window would wait its turn
    behind them. Where the system has no priorities of threads nothing happens.
    """
    if sys.platform == "linux":
        usual = os.getpriority(os.PRIO_PROCESS, os.getpid())  # of the thread that began
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(usual + _NICER, 19))
