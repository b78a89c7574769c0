"""`process --cluster local` with a stand-in that sleeps, to be interrupted.

    python tests/support/ray_interrupted.py CLIP OUT

Ends with the command's exit code; where Ray does not start on a busy machine, it is tried again.
"""

from __future__ import annotations

import os
import sys

from app.cluster.process import process_on_cluster
from engine.errors import SettingsError
from engine.settings import load_settings
from tests.support.ray_walkers import SECONDS, walkers

if __name__ == "__main__":
    os.environ[SECONDS] = "0.1"
    settings = load_settings(changes=["cluster.segment=1"])
    for attempt in range(3):
        try:
            summary = process_on_cluster(
                [sys.argv[1]], sys.argv[2], settings, address="local", open_estimator=walkers
            )
        except SettingsError as error:
            print(f"attempt {attempt}: {error}", file=sys.stderr)
        else:
            sys.exit(summary.exit_code)
