"""Everything that differs between CPU and CUDA."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_ops.device import Device
    from gpu_ops.runtimes.plan import RuntimePlan


def open_device(
    name: str = "auto", precision: str = "auto", plan: RuntimePlan | None = None
) -> Device:
    """Open a device for the calling thread.

    Args:
        name: auto, cpu, cuda, cuda:N, mps or xpu. auto takes CUDA where it works and no other
            runtime is asked for, else the CPU.
        precision: auto, fp32, fp16, bf16, int8. auto is fp16 on CUDA, else fp32.
        plan: how the network is run on the CPU; None: by torch.

    Raises:
        DeviceUnavailable: asked for by name and not here, or not in this precision.
    """
    from gpu_ops.device import DeviceUnavailable
    from gpu_ops.torch_device import KINDS, TorchDevice

    elsewhere = plan is not None and plan.for_the_processor
    if name == "auto" and not elsewhere and precision != "int8":
        try:
            return open_device("cuda", precision)
        except DeviceUnavailable:
            name = "cpu"
    if name in ("auto", "cpu"):
        from gpu_ops.cpu import CpuDevice

        return CpuDevice(precision, plan)
    if elsewhere:
        raise DeviceUnavailable(
            f"{name} runs the network by torch alone: leave engine.runtime, engine.provider and "
            "engine.exported out, or use --device cpu"
        )
    if name.split(":")[0] == "cuda":
        from gpu_ops.cuda import CudaDevice

        return CudaDevice(name, precision)
    if name.split(":")[0] in KINDS:
        return TorchDevice(name, precision)
    raise DeviceUnavailable(f"there is no device {name!r}: use auto, cpu, cuda, cuda:1, mps or xpu")
