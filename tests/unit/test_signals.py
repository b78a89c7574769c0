"""A signal stops a run in order: nothing is done inside whatever the main thread does."""

import os
import signal
import threading

import pytest

from app.signals import stop_on_signal


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_what_a_signal_starts_runs_on_another_thread():
    busy = threading.Lock()  # as of a queue that the main thread is just reading
    done = threading.Event()
    threads = []

    def act():
        with busy:
            threads.append(threading.current_thread())
        done.set()

    with stop_on_signal(act=act) as stop:
        with busy:
            interrupt()
            assert stop.asked
            assert not done.is_set()
        assert done.wait(5)
    assert threads[0] is not threading.main_thread()
    assert not threads[0].is_alive()


def test_the_second_signal_stops_at_once_and_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT)
    said = []

    def twice():
        with stop_on_signal(said.append):
            interrupt()
            interrupt()

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert len(said) == 1
    assert signal.getsignal(signal.SIGINT) is before
