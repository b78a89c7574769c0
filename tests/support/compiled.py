"""native/*.c compiled for a test, however the package was installed."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

from gpu_ops.compiled_file import CompiledFile
from tests.support.emulation import need_compiler

SOURCES = Path(__file__).parents[2] / "gpu_ops/native"


def compiled_from_source(folder: Path) -> CompiledFile:
    """The functions, with warnings as errors and the optimisation of an installation."""
    need_compiler()
    target = folder / "blocks.so"
    include = sysconfig.get_path("include")
    numbers = ["-O3", "-ffp-contract=off", "-fno-trapping-math"]
    options = [*numbers, "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    subprocess.run(
        ["gcc", *options, f"-I{include}", *sources, "-o", str(target), "-lm"], check=True
    )
    return CompiledFile(target)
