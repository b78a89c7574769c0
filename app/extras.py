"""The extras of pyproject.toml: what each is for, and the modules it brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Extra:
    """What `pip install 'posestream[NAME]'` adds."""

    purpose: str
    modules: tuple[str, ...]


EXTRAS: Final = {
    "gui": Extra("the window of `live`", ("PyQt6",)),
    "live": Extra(
        "`live --out ws://…`, names of cameras on Windows and macOS",
        ("websockets", "cv2_enumerate_cameras"),
    ),
    "osc": Extra("`live --out osc://…`", ("pythonosc",)),
    "lsl": Extra("`live --out lsl:NAME`", ("pylsl",)),
    "camera": Extra("`live --out camera:`", ("pyvirtualcam",)),
    "cuda": Extra("NVIDIA GPUs; [cuda12] with an older driver", ("cupy",)),
    "onnx": Extra("`export --to onnx`, ONNX Runtime and int8", ("onnxruntime", "onnx", "nncf")),
    "openvino": Extra("a faster network on the CPU, and int8", ("openvino", "onnx", "nncf")),
    "parquet": Extra("Parquet files", ("pyarrow",)),
    "train": Extra("`train --log`", ("tensorboard",)),
    "cluster": Extra("`--cluster` and s3:// addresses", ("ray", "fsspec", "s3fs")),
    "formats": Extra(
        "C3D, DeepLabCut, SLEAP and NWB",
        ("ezc3d", "h5py", "ndx_pose", "pandas", "pynwb", "tables"),
    ),
    "synth": Extra("rendering people to train on", ("anny", "moderngl")),
}


def extra_of(module: str) -> str | None:
    """The extra that brings a module or the package it is in; None if none does."""
    package = module.partition(".")[0]
    return next((name for name, extra in EXTRAS.items() if package in extra.modules), None)
