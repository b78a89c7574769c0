"""Code in an interpreter of its own: what importing something loads, starts or needs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_code(code, folder=ROOT, environment=None):
    """What the code printed, to standard output and to standard error; it must not fail.

    Args:
        code: Python.
        folder: where it runs, which is where Python looks for modules first.
        environment: all its variables; None: those of this process.
    """
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def loaded_after(code, *modules):
    """Those of the modules, sorted, that some code brings in."""
    shown = f"import sys\n{code}\nprint(*sorted(set({modules!r}) & set(sys.modules)))"
    return run_code(shown)[0].splitlines()[-1].split()
