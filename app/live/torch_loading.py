"""What is heavy about the engine, kept from the rest of the program: torch, and its memory."""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path

# What begins at a press of a key, and would hold the window up while it is imported; of app.live,
# as far as its packages are installed.
_BEGUN_BY_HAND = ("recording", "picture", "websocket", "osc")
_LIBRARIES = (("libtorch_global_deps.so", os.RTLD_GLOBAL), ("libtorch_python.so", 0))


def load_engine() -> None:
    """Import torch and all that needs it so that other threads hardly notice.

    A library is loaded with Python standing still, 0.2 s for torch's; here the system loads it
    before, while Python goes on. Collecting garbage takes up to 0.1 s once torch's objects are
    there. It need not look at them: modules stay.
    """
    if "torch" in sys.modules:
        return
    was_on = gc.isenabled()
    gc.disable()
    try:
        _load_libraries()
        importlib.import_module("engine.estimator")
        for module in _BEGUN_BY_HAND:
            with suppress(ImportError):
                importlib.import_module(f"app.live.{module}")
        gc.freeze()
    finally:
        if was_on:
            gc.enable()


def give_memory_back() -> None:
    """Let the system have what was freed; the C library keeps it otherwise, per thread."""
    trim = getattr(_c_library(), "malloc_trim", None)  # of glibc
    if trim:
        trim(0)


def _load_libraries() -> None:
    """Where this does not work, the import does it, and says what is wrong."""
    found = importlib.util.find_spec("torch")
    dlopen = getattr(_c_library(), "dlopen", None)
    if not sys.platform.startswith("linux") or not dlopen or not found or not found.origin:
        return
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name, flags in _LIBRARIES:
        path = Path(found.origin).parent / "lib" / name
        dlopen(os.fsencode(path), os.RTLD_NOW | flags)  # not as CDLL(path), which stops Python


def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if os.name == "posix" else None
