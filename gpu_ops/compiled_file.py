"""The file compiled of native/*.c: found, opened and checked, and its functions given arrays.

They are called through ctypes, so that building it takes no headers but Python's own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

VERSION = 12  # of what the functions take, also in native/blocks.c
ARRAY, LONG, INT = ctypes.c_void_p, ctypes.c_longlong, ctypes.c_int
FLOAT, DOUBLE = ctypes.c_float, ctypes.c_double


class CompiledFile:
    """The functions of one compiled file."""

    def __init__(self, path: Path) -> None:
        """Load it.

        Raises:
            OSError: this is not a file for this machine, or one of another version.
        """
        # For other threads to go on, this one must get Python back from them when it is done,
        # which may take longer than all a short function does.
        self._holding, self._releasing = ctypes.PyDLL(str(path)), ctypes.CDLL(str(path))
        known = hasattr(self._holding, "posestream_version")
        if not known or self._holding.posestream_version() != VERSION:
            raise OSError(f"{path} was compiled from another version of native/blocks.c")
        self.addresses: Callable[[tuple[Any, ...]], tuple[Any, ...]]  # see native/blocks.c
        self.addresses = self._holding.posestream_addresses
        self._holding.posestream_addresses.argtypes = (ctypes.py_object,)
        self._holding.posestream_addresses.restype = ctypes.py_object

    def functions(
        self,
        arguments: Mapping[str, Sequence[object]],
        results: Mapping[str, object],
        slow: Collection[str] = (),
    ) -> SimpleNamespace:
        """Some of the functions, as attributes; they take arrays that are C-contiguous.

        Args:
            arguments: types of ctypes, by the function's name without posestream_; results:
                likewise, of those that return something.
            slow: other threads go on meanwhile.
        """
        functions = SimpleNamespace()
        for name, types in arguments.items():
            library = self._releasing if name in slow else self._holding
            function = getattr(library, f"posestream_{name}")
            function.argtypes, function.restype = types, results.get(name)
            setattr(functions, name, self._with_arrays(function))
        return functions

    def _with_arrays(self, function: Callable[..., Any]) -> Callable[..., Any]:
        addresses = self.addresses
        return lambda *arguments: function(*addresses(arguments))


@cache
def compiled_file() -> CompiledFile | None:
    """The one that was built with the package; None where there was no compiler."""
    found = find_spec("gpu_ops._blocks")
    if found is None or found.origin is None:
        return None
    try:
        return CompiledFile(Path(found.origin))
    except OSError:
        return None
