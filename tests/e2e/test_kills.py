"""A few of the kills and power cuts of `tests.measure.kills`, of all but `process`.

Those of `process` are in test_resume.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its children")
def test_a_rerun_gives_the_same_or_one_clear_line():
    kinds = ("train", "eval", "edit", "recording")
    command = [sys.executable, "-m", "tests.measure.kills", "--times", "3", *kinds]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("killed") >= len(kinds)
    assert "WRONG" not in done.stdout
