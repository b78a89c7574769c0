"""Valid files changed at random: as damage changes bytes, and as programs differ in values."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

_TOKENS = [
    *(
        b"null",
        b"NaN",
        b"1e400",
        b"-1",
        b'""',
        b"[]",
        b"{}",
        b"true",
        b"3.0",
        b'"0"',
        b"\0",
        b"\r\n",
    ),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[31m", b'"', b",", b"\t", b"9" * 5000, b"[" * 3000),
    *(
        b"<svg onload=x>",
        b"=1+1",
        b"2147483648",
        b"9223372036854775808",
        b"-0.5",
        b"\xc3",
        b"\\ud800",
    ),
]
_VALUES = [
    *(None, True, False, 0, -1, 3.0, 0.5, 1e300, float("inf"), float("nan"), 2**31, 2**63, 10**400),
    *("", "0", "3.0", "x", "\x00", "\ud800", "=1+1", "<svg onload=x>", "a\nb", "../../x", "[" * 9),
    *([], {}, [None], [[]], [[1, 2], 3], {"a": {}}, [0] * 51, [1e308] * 3, ["x"] * 17),
]


@st.composite
def changed_bytes(draw: st.DrawFn, valid: bytes) -> bytes:
    """One to three places of a file cut, repeated, overwritten or filled with something odd."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        match draw(st.integers(0, 5)):
            case 0:
                del data[at : at + length]
            case 1:
                data[at : at + length] = draw(st.binary(min_size=1, max_size=8))
            case 2:
                data[at : at + length] = draw(st.sampled_from(_TOKENS))
            case 3:
                data[at:at] = data[max(0, at - length) : at]
            case 4:
                data[at : at + length] = bytes(length)
            case _:
                del data[at:]
    return bytes(data)


@st.composite
def changed_json(draw: st.DrawFn, valid: Any) -> bytes:
    """One to three values of a JSON text replaced, removed or put a level deeper."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        value = _changed(draw, value)
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _changed(draw: st.DrawFn, value: Any) -> Any:
    inner = isinstance(value, dict | list) and len(value) > 0
    if inner and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        if draw(st.integers(0, 9)) == 0:
            del value[key]
        else:
            value[key] = _changed(draw, value[key])
        return value
    if draw(st.integers(0, 5)) == 0:
        return [value]
    return copy.deepcopy(draw(st.sampled_from(_VALUES)))
