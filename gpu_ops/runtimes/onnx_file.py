"""The network as an ONNX file: what both runtimes read, with facts about it inside."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

INPUT, OUTPUTS = "image", ("low", "high")
OPSET = 17
_TRACED_AT = 128  # pixels; the file takes any height and width that are multiples of 32


def write_onnx(network: torch.nn.Module, path: Path, facts: Mapping[str, str]) -> None:
    """Write a network with free batch, height and width.

    Args:
        network: (B, 3, H, W) -> low, high; on the CPU, in eval mode.
        path: of the file.
        facts: text stored inside, under these keys.

    Raises:
        OSError: the file cannot be written.
    """
    import onnx

    model = onnx.load_from_string(_traced(network))
    _trim_kernels(model.graph)
    onnx.helper.set_model_props(model, dict(facts))
    path.write_bytes(model.SerializeToString())


def _trim_kernels(graph: Any) -> None:
    """Take a first row and column of zeros from kernels, and as much from the padding before them.

    torch pads both sides alike, so such kernels stand for a padding that ONNX can say: runtimes
    are fastest with 3x3.
    """
    from onnx import numpy_helper

    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        kernel = weights.get(node.input[1]) if node.op_type == "Conv" else None
        values = {attribute.name: attribute for attribute in node.attribute}
        if kernel is None or "pads" not in values:
            continue
        array = numpy_helper.to_array(kernel)
        pads = values["pads"].ints
        if min(array.shape[2:]) < 2 or min(pads[:2]) < 1:
            continue
        if not array[:, :, 0].any() and not array[:, :, :, 0].any():
            trimmed = numpy_helper.from_array(array[:, :, 1:, 1:].copy(), kernel.name)
            kernel.CopyFrom(trimmed)
            values["kernel_shape"].ints[:] = array.shape[2] - 1, array.shape[3] - 1
            pads[:2] = pads[0] - 1, pads[1] - 1


def _traced(network: torch.nn.Module) -> bytes:
    buffer = io.BytesIO()
    axes = {
        INPUT: {0: "batch", 2: "height", 3: "width"},
        **{name: {0: "batch", 2: f"{name}_height", 3: f"{name}_width"} for name in OUTPUTS},
    }
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter that writes plain graphs without another package is called old by torch.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, _TRACED_AT, _TRACED_AT),),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
        )
    return buffer.getvalue()


def onnx_facts(path: Path) -> dict[str, str]:
    """The text stored in an ONNX file.

    Raises:
        ValueError: it is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise ValueError(f"{path} is no ONNX file, or it is damaged") from error
    return {entry.key: entry.value for entry in model.metadata_props}
