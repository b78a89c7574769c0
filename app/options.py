"""Command-line options as changes of settings: quoted, and after those of --set, so they win."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping


def changes(set_: Iterable[str] | None, options: Mapping[str, object]) -> tuple[str, ...]:
    """What `load_settings` takes: the values of --set first, then the options that were given.

    Args:
        set_: as typed, section.key=value.
        options: section.key -> value; None: not given.
    """
    given = (
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in options.items()
        if value is not None
    )
    return (*(set_ or ()), *given)
