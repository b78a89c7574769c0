"""How the window's process ends."""

import os
import subprocess
import sys
from pathlib import Path


def test_threads_that_go_on_talking_do_not_crash_the_end(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.talkative_window", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0
    assert "Error" not in done.stderr
    assert next(tmp_path.rglob("live.*")).read_text()  # what is to be remembered was written
