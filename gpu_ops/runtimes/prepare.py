"""From a torch network to the form in which a runtime runs it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from gpu_ops.device import DeviceUnavailable, Network
from gpu_ops.runtimes.cache import kept, writable
from gpu_ops.runtimes.fastest import fastest
from gpu_ops.runtimes.plan import RuntimePlan, first_line, installed, need, need_quantisation


def prepare(network: torch.nn.Module, plan: RuntimePlan) -> tuple[str, Network]:
    """Open the network in the runtime that a plan asks for.

    Args:
        network: folded, in eval mode, on the CPU; it may be changed.

    Returns:
        the runtime's name and the network.

    Raises:
        DeviceUnavailable: the runtime, its provider or the precision is not here; one line with
            what to do.
    """
    name = _name(plan)
    if name != "auto":
        return name, _opened(name, network, plan)
    makers = {each: partial(_opened, each, network, plan) for each in _candidates()}
    if len(makers) == 1:
        return "torch", makers["torch"]()
    folder = writable(plan.folder)
    versions = "-".join(_version(each) for each in makers)
    size = f"{plan.size[0]}x{plan.size[1]}"
    return fastest(makers, plan.size, folder, f"{plan.source}-{size}-{versions}.json")


def _name(plan: RuntimePlan) -> str:
    """The runtime that follows from the file, the provider or the precision, if one does."""
    name = plan.name
    if plan.exported:
        name = _for_file(plan.exported, name)
    elif plan.provider != "cpu":
        name = "onnxruntime" if name == "auto" else name
    elif plan.precision == "int8":
        name = "openvino" if name == "auto" else name
    if plan.precision == "int8" and name == "torch":
        raise DeviceUnavailable("torch runs in fp32 here, not int8: use engine.runtime openvino")
    if plan.provider != "cpu" and name != "onnxruntime":
        raise DeviceUnavailable(
            f"engine.provider {plan.provider!r} belongs to ONNX Runtime, not to {name}: "
            "use engine.runtime onnxruntime"
        )
    return name


def _for_file(exported: Path, name: str) -> str:
    kinds = {".xml": ("openvino",), ".onnx": ("onnxruntime", "openvino")}
    able = kinds.get(exported.suffix, ())
    if not able:
        raise DeviceUnavailable(f"{exported} is no exported model: it ends in .onnx or .xml")
    if name == "auto":
        return next((each for each in able if installed(each)), able[0])
    if name not in able:
        raise DeviceUnavailable(f"{name} cannot run {exported}: use {' or '.join(able)}")
    return name


def _candidates() -> list[str]:
    """In the order of preference among equally fast ones."""
    return [name for name in ("torch", "openvino", "onnxruntime") if installed(name)]


def _opened(name: str, network: torch.nn.Module, plan: RuntimePlan) -> Network:
    if name == "torch":
        # The layout that oneDNN's vector kernels read without reordering.
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
    need(name)
    open_model: Callable[[Path], Network] = partial(_with_openvino, plan=plan)
    if name == "onnxruntime":
        open_model = partial(_with_onnxruntime, plan=plan)
    try:
        return open_model(plan.exported or _model(name, network, plan))
    except RuntimeError as error:
        if isinstance(error, DeviceUnavailable):
            raise
        raise DeviceUnavailable(f"{name} cannot run this network: {first_line(error)}") from error


def _with_openvino(path: Path, plan: RuntimePlan) -> Network:
    from gpu_ops.runtimes.openvino_network import OpenVinoNetwork

    return OpenVinoNetwork(path, writable(plan.folder) / "openvino")


def _with_onnxruntime(path: Path, plan: RuntimePlan) -> Network:
    from gpu_ops.runtimes.onnxruntime_network import OnnxRuntimeNetwork

    return OnnxRuntimeNetwork(path, plan.provider)


def _model(name: str, network: torch.nn.Module, plan: RuntimePlan) -> Path:
    """The file that a runtime reads, made from the network unless it is in the cache."""
    from gpu_ops.runtimes.onnx_file import write_onnx

    def plain(path: Path) -> None:
        write_onnx(network, path, {})

    exact = kept(plan.folder, f"{plan.source}.onnx", plain)
    if plan.precision != "int8":
        return exact
    need_quantisation("openvino" if name == "openvino" else "onnx")
    size = f"{plan.size[0]}x{plan.size[1]}"
    suffix = "xml" if name == "openvino" else "onnx"
    return kept(
        plan.folder,
        f"{plan.source}-int8-{size}-{_version('nncf')}.{suffix}",
        partial(_quantise, name, exact, plan),
    )


def _quantise(name: str, exact: Path, plan: RuntimePlan, path: Path) -> None:
    from gpu_ops.runtimes.quantise import quantise_onnx, quantise_openvino, save_openvino

    if name == "openvino":
        save_openvino(quantise_openvino(exact, plan.samples(), plan.in_float), path, {})
    else:
        quantise_onnx(exact, plan.samples(), path, plan.in_float)


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:  # onnxruntime-gpu and others bring the module under another name
        return package
