"""Arrays as JSON values and back, bit for bit, for the saved state of the stages."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

EncodedArray = dict[str, Any]  # values that json.dumps takes


def encode_array(array: NDArray[Any]) -> EncodedArray:
    """The array as its type, shape and bytes."""
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def decode_array(packed: EncodedArray) -> NDArray[Any]:
    """The array that `encode_array` was given; its own copy, so it may be written to."""
    flat = np.frombuffer(base64.b64decode(packed["data"]), np.dtype(packed["dtype"]))
    return flat.reshape(packed["shape"]).copy()
