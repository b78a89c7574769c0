"""Arrays as JSON values and back, bit for bit: what a stopped job writes down to go on later."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

Packed = dict[str, Any]  # values that json.dumps takes


def pack(array: NDArray[Any]) -> Packed:
    """The array as its type, shape and bytes."""
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def unpack(packed: Packed) -> NDArray[Any]:
    """The array that `pack` was given; its own copy, so it may be written to."""
    flat = np.frombuffer(base64.b64decode(packed["data"]), np.dtype(packed["dtype"]))
    return flat.reshape(packed["shape"]).copy()
