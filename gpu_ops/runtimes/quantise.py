"""int8 by post-training quantization: NNCF, calibrated on frames like those to come.

Convolutions run in int8 with ranges found on the frames. The last convolution before each output
stays in float32: rounding tags and heat to 256 steps would make neighbouring cells equal, and these
layers are next to nothing of the time. Method: Nagel et al., "A White Paper on Neural Network
Quantization", 2021.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_ops.runtimes.onnx_file import INPUT
from gpu_ops.runtimes.openvino_network import FACTS
from gpu_ops.runtimes.plan import Samples, first_line

if TYPE_CHECKING:
    import openvino

_CONVOLUTIONS = (
    *("Convolution", "ConvolutionBackpropData", "GroupConvolution"),  # OpenVINO
    *("Conv", "ConvTranspose"),  # ONNX
)


def read_openvino(model: Path) -> openvino.Model:
    """An .onnx or .xml file as OpenVINO has it in memory."""
    import openvino

    return openvino.Core().read_model(model)


def quantise_openvino(
    model: Path, samples: Samples, in_float: Sequence[str] = ()
) -> openvino.Model:
    """An .onnx or .xml file in int8; layers that match a pattern of `in_float` stay in float32."""
    read = read_openvino(model)
    outputs = [result.input_value(0).get_node() for result in read.get_results()]
    names = last_layers(
        outputs,
        is_convolution=lambda node: node.get_type_name() in _CONVOLUTIONS,
        before=lambda node: [value.get_node() for value in node.input_values()],
    )
    last = [node.get_friendly_name() for node in names]
    return _quantised(read, list(samples), last, in_float)


def quantise_onnx(
    model: Path, samples: Samples, target: Path, in_float: Sequence[str] = ()
) -> None:
    """Write an ONNX file with another one in int8, and the same facts inside."""
    import onnx

    read = onnx.load(model)
    facts = {entry.key: entry.value for entry in read.metadata_props}
    makers = {name: node for node in read.graph.node for name in node.output}
    names = last_layers(
        [makers[output.name] for output in read.graph.output],
        is_convolution=lambda node: node.op_type in _CONVOLUTIONS,
        before=lambda node: [makers[name] for name in node.input if name in makers],
    )
    inputs = [{INPUT: sample} for sample in samples]
    found = _quantised(read, inputs, [node.name for node in names], in_float)
    onnx.helper.set_model_props(found, facts)
    target.write_bytes(found.SerializeToString())


def last_layers(
    outputs: Sequence[Any],
    is_convolution: Callable[[Any], bool],
    before: Callable[[Any], Sequence[Any]],
) -> list[Any]:
    """The convolutions of a graph after which there is no other before an output.

    Args:
        outputs: the nodes that compute them.
        before: the nodes whose results a node reads.
    """
    found: list[Any] = []
    to_visit = list(outputs)
    while to_visit:
        node = to_visit.pop()
        if not is_convolution(node):
            to_visit += before(node)
        elif node not in found:
            found.append(node)
    return found


def _quantised(model: Any, samples: list[Any], last: Sequence[str], in_float: Sequence[str]) -> Any:
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf.quantize(
        model,
        nncf.Dataset(samples),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(samples),
        ignored_scope=nncf.IgnoredScope(names=list(last), patterns=list(in_float), validate=False),
    )


def save_openvino(model: openvino.Model, path: Path, facts: Mapping[str, str]) -> None:
    """Write an .xml file and its .bin, with text stored inside.

    Raises:
        OSError: a file cannot be written.
    """
    import openvino

    for key, value in facts.items():
        model.set_rt_info(value, [FACTS, key])
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(first_line(error)) from error
