"""Any device that torch knows: the network runs there, everything else on the processor.

For `mps` (Apple) and `xpu` (Intel). Tested with `cpu` in their place; it has not been run on such
hardware.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gpu_ops.cpu import CpuLane
from gpu_ops.device import DeviceFailure, DeviceUnavailable, Network, NothingHeld, OutOfMemory

KINDS = ("mps", "xpu")
PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchDevice(NothingHeld):
    """See `device.Device`."""

    runtime = "torch"

    def __init__(self, name: str, precision: str = "auto") -> None:
        """Open a device by torch's name for it.

        Raises:
            DeviceUnavailable: this torch does not find it, or it does not run in this precision.
        """
        self.precision = "fp32" if precision == "auto" else precision
        if self.precision not in PRECISIONS:
            raise DeviceUnavailable(f"{name} runs in {', '.join(PRECISIONS)}, not {precision!r}")
        try:
            self.torch_device = torch.device(name)
            torch.empty(1, device=self.torch_device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise DeviceUnavailable(
                f"this PyTorch ({torch.__version__}) cannot use {name} ({reason}): use --device cpu"
            ) from error
        self.name = name
        self.description = f"{name} through PyTorch"

    @property
    def best_batch(self) -> int:
        """One: what larger batches bring has not been measured."""
        return 1

    def prepare(self, network: torch.nn.Module) -> Network:
        """The network on the device, in its precision."""
        return network.to(self.torch_device, PRECISIONS[self.precision]).to(  # type: ignore[call-overload, no-any-return]
            memory_format=torch.channels_last
        )

    def lane(self) -> TorchLane:
        """A new lane."""
        return TorchLane(self.torch_device, PRECISIONS[self.precision])


class TorchLane(CpuLane):
    """One batch: warped here, through the network there, decoded here."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        self._device, self._dtype = device, dtype

    def run(self, network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `device.Lane.run`; the maps come back in float32.

        Raises:
            DeviceFailure: the device stopped working; OutOfMemory: the batch was too large for it.
        """
        try:
            low, high = super().run(network, x.to(self._device, self._dtype))
            return low.float().cpu(), high.float().cpu()
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0]
            failure = OutOfMemory if "out of memory" in reason else DeviceFailure
            raise failure(f"{self._device} failed in the network: {reason}") from error
