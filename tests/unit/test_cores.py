"""Threads that let the window go first, and the window that does not stand back itself."""

import os
import sys
import threading

import pytest

from engine.cores import stand_back


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have priorities on Linux")
def test_a_thread_stands_back_once_and_those_it_starts_with_it():
    usual, seen = os.getpriority(os.PRIO_PROCESS, 0), []

    def note():
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def work():
        stand_back()
        stand_back()
        note()
        child = threading.Thread(target=note)
        child.start()
        child.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [min(usual + 5, 19)] * 2
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == usual
