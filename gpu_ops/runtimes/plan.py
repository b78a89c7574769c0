"""What a runtime has to know: which one, in which precision, from which file."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpu_ops.device import DeviceUnavailable

NAMES = ("torch", "openvino", "onnxruntime")
PROVIDERS = {  # name in the settings -> what ONNX Runtime calls it
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
PACKAGES = {  # what each needs: modules, and the extra that installs them
    "torch": ((), ""),
    "openvino": (("openvino", "onnx"), "openvino"),
    "onnxruntime": (("onnxruntime", "onnx"), "onnx"),
    "nncf": (("nncf",), "openvino"),
}

Samples = Sequence[NDArray[np.float32]]  # inputs of the network, (1, 3, H, W) each


def _no_samples() -> Samples:
    raise DeviceUnavailable("int8 needs frames to calibrate with, and none were given")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimePlan:
    """How the network is run on a processor."""

    name: str = "torch"  # auto, or one of NAMES
    precision: str = "fp32"  # fp32, int8
    provider: str = "cpu"  # one of PROVIDERS, for ONNX Runtime
    exported: Path | None = None  # an .onnx or .xml file to run as it is
    source: str = ""  # digest of the weights and the structure; names files in the cache
    size: tuple[int, int] = (512, 256)  # (W, H) pixels of the input that `auto` measures with
    samples: Callable[[], Samples] = _no_samples  # asked for only where int8 is made here
    in_float: tuple[str, ...] = ()  # patterns of layers' names that int8 leaves in float32
    folder: Path | None = None  # where compiled models are kept; None: nowhere

    @property
    def for_the_processor(self) -> bool:
        """Whether something is asked for that only the CPU device can do."""
        runtime = self.name not in ("auto", "torch")
        return runtime or self.provider != "cpu" or self.exported is not None


def installed(name: str) -> bool:
    """Whether the packages that a runtime, or quantization, needs are here."""
    return not _absent(PACKAGES[name][0])


def need(name: str) -> None:
    """Check that a runtime can be used.

    Raises:
        DeviceUnavailable: its packages are not installed; the text has the command.
    """
    modules, extra = PACKAGES[name]
    if absent := _absent(modules):
        raise DeviceUnavailable(
            f"the runtime {name!r} needs {' and '.join(absent)}: pip install 'posestream[{extra}]'"
        )


def need_quantisation(extra: str = "openvino") -> None:
    """Check that int8 models can be made.

    Raises:
        DeviceUnavailable: NNCF is not installed.
    """
    if _absent(("nncf",)):
        raise DeviceUnavailable(f"int8 needs nncf: pip install 'posestream[{extra}]'")


def first_line(error: Exception) -> str:
    """What a runtime's error says, without the places in its source and what it lists below."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = (line for line in lines if line and not line.startswith("Exception from"))
    return next(told, type(error).__name__)[:200]


def _absent(modules: Sequence[str]) -> list[str]:
    return [module for module in modules if importlib.util.find_spec(module) is None]
