"""How the network's threads share the processor with the rest of the program."""

import os


def share_the_cores() -> None:
    """Let the network's threads sleep while they wait for each other; call before torch is loaded.

    Spinning is a little faster on an idle machine. But beside a decoder, an encoder and whatever
    else runs, a spinning thread takes the core of the one it waits for: 8 times slower was
    measured.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
