"""The CUDA device: half precision, fused convolutions, CUDA graphs, kernels of our own.

torch owns all memory and runs the network; CuPy only compiles and launches kernels. CuPy is
imported when a CUDA device is opened. What is special about the operations is in `cuda_lane`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from gpu_ops import build
from gpu_ops.cpu import normalised_bytes
from gpu_ops.cuda_driver import CudaDriver, Driver
from gpu_ops.cuda_errors import is_device_error, named
from gpu_ops.cuda_lane import CudaLane
from gpu_ops.cuda_network import fuse
from gpu_ops.device import DeviceUnavailable, Network

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
AMPERE = (8, 0)  # the first with bfloat16


class CudaDevice:
    """See `device.Device`."""

    runtime = "torch"

    def __init__(
        self,
        name: str = "cuda",
        precision: str = "auto",
        *,
        driver: Callable[[torch.device], Driver] | None = None,
    ) -> None:
        """Open a card by name, cuda or cuda:N.

        Raises:
            DeviceUnavailable: no such card, no driver, no CuPy, too old, or not in this precision.
        """
        self.precision = "fp16" if precision == "auto" else precision
        if self.precision not in PRECISIONS:
            raise DeviceUnavailable(f"CUDA runs in {', '.join(PRECISIONS)}, not {precision!r}")
        if driver is None:
            self.torch_device, self.description = _card(name, self.precision)
            self.driver: Driver = _open_driver(self.torch_device)
        else:
            self.driver = driver(torch.device("cpu"))
            self.torch_device, self.description = self.driver.device, "emulated CUDA"
        self.name = name if ":" in name else f"{name}:{self.torch_device.index or 0}"
        self.dtype = PRECISIONS[self.precision]
        self._normal = _table(self.dtype).to(self.torch_device)
        self._lanes: weakref.WeakSet[CudaLane] = weakref.WeakSet()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for lane in self._lanes:
            lane.close()
        if error is None:
            self.driver.free_unused()

    @property
    def best_batch(self) -> int:
        """Enough work to fill a large card; the input of larger batches leaves its cache."""
        return 16

    def prepare(self, network: torch.nn.Module) -> Network:
        """Fuse, convert and move the network; it is captured when the first batch comes."""
        with named("moving the network to the device"):
            return self.moved(fuse(network.eval().requires_grad_(False)))

    def moved(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network on this device, in its precision, channels last."""
        return network.to(self.torch_device, self.dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def lane(self) -> CudaLane:
        """A new lane."""
        lane = CudaLane(self.driver, self._normal)
        self._lanes.add(lane)
        return lane


def _table(dtype: torch.dtype) -> Tensor:
    """(3, 256) the normalised value of every byte of every channel."""
    return torch.from_numpy(normalised_bytes()[0].T.copy()).to(dtype)


def _card(name: str, precision: str) -> tuple[torch.device, str]:
    """The torch device and a description, or one line on why there is none."""
    _, _, number = name.partition(":")
    if not torch.cuda.is_available():
        raise DeviceUnavailable(_why_no_cuda())
    if number and not number.isdigit():
        raise DeviceUnavailable(f"there is no device {name!r}: use cuda or cuda:1")
    index = int(number) if number else torch.cuda.current_device()
    cards = torch.cuda.device_count()
    if index >= cards:
        raise DeviceUnavailable(f"there is no {name}: this machine has {cards} CUDA device(s)")
    card = torch.cuda.get_device_properties(index)
    capability = (card.major, card.minor)
    if capability < divmod(build.OLDEST, 10):
        raise DeviceUnavailable(
            f"{card.name} is too old: it has compute capability {card.major}.{card.minor}, "
            f"and {build.OLDEST / 10} is needed; use --device cpu"
        )
    if precision == "bf16" and capability < AMPERE:
        raise DeviceUnavailable(f"{card.name} has no bf16: use engine.precision fp16")
    return torch.device("cuda", index), card.name


def _why_no_cuda() -> str:
    if torch.version.cuda is None:
        return (
            f"this PyTorch ({torch.__version__}) is built without CUDA: install one with CUDA "
            f"from https://pytorch.org, or use --device cpu"
        )
    return (
        f"PyTorch finds no CUDA device (it needs an NVIDIA driver for CUDA {torch.version.cuda}; "
        f"`nvidia-smi` shows what is there): use --device cpu"
    )


def _open_driver(device: torch.device) -> CudaDriver:
    try:
        torch.cuda.set_device(device)
        return CudaDriver(device)
    except ImportError as error:
        raise DeviceUnavailable(
            f"CUDA needs CuPy, and importing it failed ({error}): "
            f"pip install 'posestream[cuda]' (or [cuda12] with an older driver)"
        ) from error
    except Exception as error:  # CuPy's compiler errors share no base with its others
        if not is_device_error(error):
            raise
        reason = str(error).strip().partition("\n")[0]
        raise DeviceUnavailable(f"CuPy cannot compile kernels here: {reason}") from error
