"""Compiles the unmodified kernels for the CPU and launches them, with what the wrappers pass.

The counterpart of `gpu_ops.build` for machines without a GPU; see cuda_on_cpu.h for what it finds.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from gpu_ops import build

HEADER = Path(__file__).with_name("cuda_on_cpu.h")
COMPILER = shutil.which("g++")
OPTIONS = ("-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-w")
Edits = tuple[tuple[str, str, str], ...]  # (file, text, what it becomes)
FORWARD, REVERSE, SHUFFLED = 0, 1, 2  # orders in which threads run between barriers


class Deadlock(AssertionError):
    """Some threads of a block wait at a barrier that others do not reach."""


class EmulatedKernels:
    """Launches kernels on CPU memory. `edits` change a file's text, to plant faults."""

    def __init__(self, schedule: int = FORWARD, edits: Edits = ()):
        self.schedule = schedule
        self.launched: list[str] = []
        self._edits = tuple(edits)

    def launch(self, file, name, grid, block, arguments) -> None:
        """As `CudaDriver.launch`; checks number, kind and size of the arguments first."""
        library = _library(_edited(file, self._edits))
        kinds = getattr(library, f"kinds_{name}")
        kinds.restype = ctypes.c_char_p
        given = "".join(_kind(argument) for argument in arguments)
        assert given == kinds().decode(), f"{name} takes {kinds().decode()}, got {given}"
        held = [np.array(argument) for argument in arguments]
        packed = (ctypes.c_void_p * len(held))(*(value.ctypes.data for value in held))
        threads = ctypes.c_uint * 3
        failed = getattr(library, f"launch_{name}")(
            threads(*_three(grid)), threads(*_three(block)), self.schedule, packed
        )
        self.launched.append(name)
        if failed:
            raise Deadlock(f"{name}: threads wait at barriers that others do not reach")


def _kind(argument: np.generic) -> str:
    """p pointer, i int, l long long, f float, d double; only NumPy scalars have a known size."""
    assert isinstance(argument, np.generic), f"{argument!r} has no fixed size"
    return {"uint64": "p", "int32": "i", "int64": "l", "float32": "f", "float64": "d"}[
        argument.dtype.name
    ]


def _three(size: Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*size, 1, 1)[:3]
    return x, y, z


@lru_cache(maxsize=256)
def _edited(file: str, edits: Edits) -> str:
    text = build.source(file)
    for of, before, after in edits:
        if of == file:
            assert text.count(before) == 1, f"{before!r}: {text.count(before)} times in {file}"
            text = text.replace(before, after)
    return text


def compile_together(variants: Iterable[Edits]) -> None:
    """Compile what these edits change, on all cores; a launch would do it one by one."""
    texts = {_edited(file, edits) for edits in variants for file, _, _ in edits}
    _header()
    with ThreadPoolExecutor(os.cpu_count()) as compilers:
        list(compilers.map(_library, texts))


@lru_cache(maxsize=64)
def _library(text: str) -> ctypes.CDLL:
    launchers = "".join(f"LAUNCHER({name})\n" for name in build.kernel_names(text))
    program = f'#include "{_header()}"\n{text}\n{launchers}'
    return ctypes.CDLL(str(_compiled(program, "kernels.cpp", "kernels.so", "-shared")))


@lru_cache(maxsize=1)
def _header() -> Path:
    """A copy of the header beside its compiled form, which halves the time of every kernel."""
    name = HEADER.name
    return _compiled(HEADER.read_text(), name, f"{name}.gch", "-x", "c++-header").with_name(name)


def _compiled(text: str, source: str, result: str, *options: str) -> Path:
    """What the compiler makes of a source file, once for each text."""
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"posestream-emulation-{key}"
    folder.mkdir(exist_ok=True)
    if not (folder / result).exists():
        assert COMPILER, "needs g++"
        (folder / source).write_text(text)
        built = folder / f"{os.getpid()}-{result}"
        subprocess.run([COMPILER, *OPTIONS, *options, folder / source, "-o", built], check=True)
        built.rename(folder / result)
    return folder / result


def need_compiler() -> None:
    """Skip where the kernels cannot be compiled for the CPU."""
    if COMPILER is None:
        pytest.skip("needs g++, to run the CUDA kernels on the CPU")
