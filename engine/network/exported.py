"""What an exported model says about itself, and whether it was made from the weights in use."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from engine.errors import WeightsError
from engine.network import storage
from engine.network.thresholds import HEADER, thresholds_of
from engine.network.weights import Checkpoint
from gpu_ops.cpu import IMAGENET_DEVIATION, IMAGENET_MEAN
from gpu_ops.runtimes.onnx_file import onnx_facts
from gpu_ops.runtimes.openvino_network import openvino_facts
from gpu_ops.runtimes.plan import need

FORMAT = "posestream-export-1"
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}


def facts_of(checkpoint: Checkpoint, input_size: int, precision: str) -> dict[str, str]:
    """The text to store in an exported model; the network must not have been folded yet.

    Args:
        input_size: short side in pixels that it is meant for; the file takes any other.
        precision: fp32 or int8.
    """
    facts = {
        "format": FORMAT,
        "name": checkpoint.name,
        "network": checkpoint.network_name,
        "sizes": json.dumps(asdict(checkpoint.sizes)),
        "keypoints": json.dumps(checkpoint.skeleton.names),
        "limbs": json.dumps(checkpoint.skeleton.limbs),
        "input_size": str(input_size),
        "input": "RGB divided by 255, minus mean, divided by deviation; sides multiples of 32",
        "mean": json.dumps(IMAGENET_MEAN),
        "deviation": json.dumps(IMAGENET_DEVIATION),
        "precision": precision,
        "tensors_sha256": storage.digest(checkpoint.network.state_dict()),
    }
    suiting = thresholds_of(str(checkpoint.path))
    return facts | (suiting.header if suiting.values else {HEADER: "{}"})


def read_facts(path: Path) -> dict[str, str]:
    """The text in an exported model, .onnx or .xml.

    Raises:
        WeightsError: there is no such file, or `posestream export` did not write it.
    """
    if not path.is_file():
        raise WeightsError(f"there is no exported model {path}; `posestream export` makes one")
    readers = {".onnx": onnx_facts, ".xml": openvino_facts}
    if path.suffix not in readers:
        raise WeightsError(f"{path} is no exported model: its name must end in .onnx or .xml")
    need("openvino" if path.suffix == ".xml" else "onnxruntime")
    try:
        facts = readers[path.suffix](path)
    except ValueError as error:
        raise WeightsError(str(error)) from error
    if facts.get("format") != FORMAT:
        raise WeightsError(f"{path} was not written by `posestream export`")
    return facts


def need_same_weights(path: Path, checkpoint: Checkpoint) -> None:
    """Check that a model was exported from these weights.

    Raises:
        WeightsError: it was not; the text names both.
    """
    facts = read_facts(path)
    if facts.get("tensors_sha256") != storage.digest(checkpoint.network.state_dict()):
        raise WeightsError(
            f"{path} was exported from other weights ({facts.get('name', 'unnamed')}) than "
            f"{checkpoint.name}: name those with engine.weights, or export again"
        )
