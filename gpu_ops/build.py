"""From .cu files to kernels: the text, its compiler options, and a check without a GPU.

CuPy compiles with NVRTC on first use and keeps the result in its own cache on disk
(~/.cupy/kernel_cache), keyed by text, options and architecture. Included files are pasted into
the text, because the cache does not look into them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

KERNELS = Path(__file__).with_name("kernels")
FILES = ("warp.cu", "heat.cu", "peaks.cu", "tags.cu", "group.cu", "refine.cu")
# Turing, Ampere (two), Ada, Hopper, Blackwell.
ARCHITECTURES = (75, 80, 86, 89, 90, 120)
OLDEST = ARCHITECTURES[0]
# No fused multiply-add: the order of operations in the text is the definition on every device.
OPTIONS = ("--std=c++17", "--fmad=false")


def source(file: str) -> str:
    """The text of a kernel file, with its includes pasted in."""
    text = (KERNELS / file).read_text(encoding="utf-8")
    return re.sub(r'^#include "(\w+\.cuh)"$', lambda found: source(found[1]), text, flags=re.M)


def kernel_names(text: str) -> list[str]:
    """The kernels that a text defines, in its order."""
    return re.findall(r'^extern "C" __global__ void (\w+)\(', text, flags=re.M)


def module(file: str) -> Any:
    """The compiled file as a cupy.RawModule, for the current device."""
    import cupy

    compiled = cupy.RawModule(code=source(file), options=OPTIONS, backend="nvrtc")
    compiled.compile()
    return compiled


def nvcc() -> str | None:
    """The path of the CUDA compiler, if it is on this machine."""
    return shutil.which("nvcc")


def check(file: str, architecture: int) -> str:
    """Compile a file with nvcc for one architecture and return the compiler's report.

    Raises:
        subprocess.CalledProcessError: it does not compile; stderr has the compiler's words.
    """
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / file
        text.write_text(source(file), encoding="utf-8")
        target = ("-cubin", f"-arch=sm_{architecture}", "-o", str(Path(folder) / "out.cubin"))
        report = subprocess.run(
            [
                nvcc() or "nvcc",
                *OPTIONS,
                *target,
                "-Xptxas",
                "-v",
                "-Werror=all-warnings",
                str(text),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
    return report.stderr
