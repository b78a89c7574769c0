"""Finds the program's packages beside this one, whatever else has their names.

They are called `app`, `engine`, `gpu_ops` and `assets`. Python looks in the working folder first,
and an engine.py there would be taken for ours.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NAMES = ("assets", "gpu_ops", "engine", "app")


def import_ours() -> None:
    """Import the four packages from the folder that holds this one.

    Raises:
        ImportError: another module of such a name was imported before.
    """
    root = Path(__file__).resolve().parents[1]
    for name in _NAMES:
        first = root / name / "__init__.py"
        before = sys.modules.get(name)
        if before is not None:
            _check(name, str(before.__file__ or ""), first)
        elif first.exists():  # an editable installation finds them by other means
            spec = importlib.util.spec_from_file_location(
                name, first, submodule_search_locations=[str(first.parent)]
            )
            if spec is None or spec.loader is None:
                raise ImportError(f"cannot import {first}")
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)


def _check(name: str, found: str, ours: Path) -> None:
    if ours.exists() and Path(found).resolve() != ours:
        raise ImportError(
            f"posestream needs its package {name!r} ({ours.parent}), but {found} was imported "
            f"under that name: import posestream first, or rename that module"
        )
