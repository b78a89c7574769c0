"""Wait for what another thread or process does, and fail where it does not come."""

import time


def until(condition, seconds=10.0, pause=0.005):
    """What the condition returned when it was first true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(pause)
    return found
