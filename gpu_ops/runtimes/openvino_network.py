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
SHAPES = 4  # inputs for which an int8 model is kept compiled


class OpenVinoNetwork:
    """Normalised images -> low and high maps, as `HigherHRNet.forward`."""

    def __init__(self, path: Path, blobs: Path | None = None) -> None:
        """Read a model, and compile it unless that has to wait for the shape of the input.

        Args:
            path: an .onnx or .xml file.
            blobs: folder where OpenVINO keeps what it compiled; None: nowhere.

        Raises:
            RuntimeError: OpenVINO cannot read or compile it.
        """
        import openvino

        self._core = openvino.Core()
        if blobs:
            self._core.set_property({"CACHE_DIR": str(blobs)})
        self._model = _channels_last(self._core.read_model(path))
        self._requests: dict[tuple[int, ...], Any] = {}
        # With a free height and width, OpenVINO 2026.4 computes other maps in int8 (half the AP).
        self._fixed = any(op.get_type_name() == "FakeQuantize" for op in self._model.get_ops())
        if not self._fixed:
            self._requests[()] = self._compiled(self._model)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) float32 -> low (B, 2K, H/4, W/4), high (B, K, H/2, W/2)."""
        # What `warp` gives lies in memory as (B, H, W, 3): no copy.
        pixels = x.permute(0, 2, 3, 1).contiguous().numpy()
        found = self._request(pixels.shape).infer({0: pixels}, share_inputs=True)
        return torch.from_numpy(found[0]), torch.from_numpy(found[1])

    def _request(self, shape: tuple[int, ...]) -> Any:
        key = shape if self._fixed else ()
        if key not in self._requests:
            if len(self._requests) == SHAPES:
                del self._requests[next(iter(self._requests))]
            fixed = self._model.clone()
            fixed.reshape(list(shape))
            self._requests[key] = self._compiled(fixed)
        return self._requests[key]

    def _compiled(self, model: openvino.Model) -> Any:
        return self._core.compile_model(model, "CPU", _options()).create_infer_request()


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
