"""The configurations that `eval --parity` compares, from one line of text."""

from __future__ import annotations

import re

from engine.errors import SettingsError

RUNTIMES = ("torch", "openvino", "onnxruntime")
_COMMA = re.compile(r",(?![^\[]*\])")  # not within the brackets of a list


def configurations(text: str) -> dict[str, list[str]]:
    """Name -> `section.key=value` changes, of two or more configurations.

    Args:
        text: separated by commas; each is changes separated by spaces, where the name of a runtime
            such as `openvino` or `openvino-int8` stands for the changes that choose it.

    Raises:
        SettingsError: there are fewer than two, or a word is neither.
    """
    found = {part.strip(): _changes(part) for part in _COMMA.split(text) if part.strip()}
    if len(found) < 2:
        raise SettingsError(
            f"--parity compares two or more configurations separated by commas, got {text!r}"
        )
    return found


def _changes(text: str) -> list[str]:
    return [change for word in text.split() for change in _of_word(word)]


def _of_word(word: str) -> list[str]:
    if "=" in word:
        return [word]
    runtime, _, precision = word.partition("-")
    if runtime not in RUNTIMES or precision not in ("", "fp32", "int8"):
        raise SettingsError(
            f"--parity: {word!r} is neither section.key=value nor a runtime "
            f"({', '.join(RUNTIMES)}, with -int8 or without)"
        )
    return [f"engine.runtime={runtime}", f"engine.precision={precision or 'auto'}"]
