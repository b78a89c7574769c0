"""The network run by OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gpu_ops.runtimes.plan import first_line

if TYPE_CHECKING:
    import openvino

FACTS = "posestream"  # the section of a model's run-time information that is ours


class OpenVinoNetwork:
    """Normalised images -> low and high maps, as `HigherHRNet.forward`."""

    def __init__(self, path: Path, blobs: Path | None = None) -> None:
        """Compile a model.

        Args:
            path: an .onnx or .xml file.
            blobs: folder where OpenVINO keeps what it compiled; None: nowhere.

        Raises:
            RuntimeError: OpenVINO cannot read or compile it.
        """
        import openvino

        core = openvino.Core()
        if blobs:
            core.set_property({"CACHE_DIR": str(blobs)})
        compiled = core.compile_model(_channels_last(core.read_model(path)), "CPU", _options())
        self._request: Any = compiled.create_infer_request()

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) float32 -> low (B, 2K, H/4, W/4), high (B, K, H/2, W/2)."""
        # What `warp` gives lies in memory as (B, H, W, 3): no copy.
        pixels = x.permute(0, 2, 3, 1).contiguous().numpy()
        found = self._request.infer({0: pixels}, share_inputs=True)
        return torch.from_numpy(found[0]), torch.from_numpy(found[1])


def _channels_last(model: openvino.Model) -> openvino.Model:
    """The model with an input of (B, H, W, 3)."""
    from openvino import Layout
    from openvino.preprocess import PrePostProcessor

    steps = PrePostProcessor(model)
    steps.input().tensor().set_layout(Layout("NHWC"))
    steps.input().model().set_layout(Layout("NCHW"))
    return steps.build()


def _options() -> dict[str, Any]:
    return {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        # Some processors would take bfloat16: slower on most, and not the same people.
        "INFERENCE_PRECISION_HINT": "f32",
        # Bound threads of two processes would share one core while another has nothing to do.
        "ENABLE_CPU_PINNING": False,
    }


def openvino_facts(path: Path) -> dict[str, str]:
    """The text stored in an .xml file.

    Raises:
        ValueError: OpenVINO cannot read it.
    """
    import openvino

    try:
        model = openvino.Core().read_model(path)
    except RuntimeError as error:
        reason = first_line(error)
        raise ValueError(
            f"{path} is no OpenVINO model with its .bin beside it: {reason}"
        ) from error
    if not model.has_rt_info([FACTS]):
        return {}
    facts = model.get_rt_info([FACTS]).astype(dict)
    return {key: str(value.astype(str)) for key, value in facts.items()}
