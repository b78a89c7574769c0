"""A receiver of Open Sound Control, as a user has one."""

import threading
from contextlib import contextmanager


@contextmanager
def osc_receiver():
    """A port of Open Sound Control, the messages that came to it, and when the last one has."""
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer

    got, ended = [], threading.Event()
    dispatcher = Dispatcher()
    dispatcher.map("/posestream/*", lambda address, *values: got.append((address, values)))
    dispatcher.map("/posestream/end", lambda *_: ended.set())
    with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1], got, ended
        finally:
            server.shutdown()
            thread.join()
