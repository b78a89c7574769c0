"""Everything that differs between CPU and CUDA."""

from gpu_ops.device import Device


def open_device(name: str = "auto", precision: str = "auto") -> Device:
    """Open a device for the calling thread.

    Args:
        name: auto, cpu, cuda or cuda:N. auto takes CUDA where it works, else the CPU.
        precision: auto, fp32, fp16, bf16. auto is fp32 on the CPU and fp16 on CUDA.

    Raises:
        DeviceUnavailable: asked for by name and not here, or not in this precision.
    """
    from gpu_ops.device import DeviceUnavailable

    if name == "auto":
        try:
            return open_device("cuda", precision)
        except DeviceUnavailable:
            name = "cpu"
    if name == "cpu":
        from gpu_ops.cpu import CpuDevice

        return CpuDevice(precision)
    if name.split(":")[0] == "cuda":
        from gpu_ops.cuda import CudaDevice

        return CudaDevice(name, precision)
    raise DeviceUnavailable(f"there is no device {name!r}: use auto, cpu, cuda or cuda:1")
