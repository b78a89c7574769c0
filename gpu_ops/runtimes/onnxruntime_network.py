"""The network run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gpu_ops.device import DeviceUnavailable
from gpu_ops.runtimes.onnx_file import INPUT, OUTPUTS
from gpu_ops.runtimes.plan import PROVIDERS

_NOT_HERE = {
    "cuda": "pip install onnxruntime-gpu",
    "tensorrt": "pip install onnxruntime-gpu, and install TensorRT",
    "coreml": "it is part of onnxruntime on macOS",
    "directml": "pip install onnxruntime-directml, on Windows",
}


class OnnxRuntimeNetwork:
    """Normalised images -> low and high maps, as `HigherHRNet.forward`."""

    def __init__(self, path: Path, provider: str = "cpu") -> None:
        """Open a session.

        Args:
            path: an .onnx file.
            provider: one of PROVIDERS; what it cannot run goes to the processor.

        Raises:
            DeviceUnavailable: this ONNX Runtime has no such provider.
            RuntimeError: it cannot read the file.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # A spinning thread takes the core of whatever runs beside it; see `engine.cores`.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors
        names = dict.fromkeys((_provider(provider), PROVIDERS["cpu"]))
        self._session = onnxruntime.InferenceSession(str(path), options, providers=list(names))

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) float32 -> low (B, 2K, H/4, W/4), high (B, K, H/2, W/2)."""
        low, high = self._session.run(OUTPUTS, {INPUT: x.contiguous().numpy()})
        return torch.from_numpy(low), torch.from_numpy(high)


def _provider(name: str) -> str:
    import onnxruntime

    here = onnxruntime.get_available_providers()
    if PROVIDERS[name] not in here:
        known = ", ".join(short for short, long in PROVIDERS.items() if long in here)
        raise DeviceUnavailable(
            f"this ONNX Runtime has no provider {name!r}, only {known}: {_NOT_HERE[name]}, "
            "or leave engine.provider out"
        )
    return PROVIDERS[name]
