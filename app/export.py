"""The `export` command: a checkpoint as an ONNX or OpenVINO file, for this program or another."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray

import assets
from app.user_settings import NameOrFile
from engine.errors import DeviceError, OutputError, SettingsError, WeightsError
from engine.files import make_folder

if TYPE_CHECKING:
    import torch

    from engine.network.weights import Checkpoint
    from gpu_ops.device import Network
    from gpu_ops.runtimes.plan import Samples

DEMO = "demo/people.mp4"
CHECKED = 2  # frames that are compared with torch, at two sizes
MOST = 1e-3  # difference of a map value that rounding alone may make
Kind = Literal["onnx", "openvino"]


def command(
    weights: NameOrFile,
    to: Annotated[Kind, typer.Option(help="The kind of file.")],
    int8: Annotated[bool, typer.Option("--int8", help="Quantize: faster, less exact.")] = False,
    calibrate: Annotated[
        str | None,
        typer.Option(
            help="For --int8: a clip or folder of images like yours; default: the demo clip."
        ),
    ] = None,
    input_size: Annotated[
        int | None,
        typer.Option(min=64, max=2048, help="Short side in pixels; default: the checkpoint's own."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file; default: NAME.onnx or NAME.xml.")
    ] = None,
) -> None:
    """Write a checkpoint as an ONNX or OpenVINO file, and check it."""
    if calibrate and not int8:
        raise SettingsError("--calibrate is for --int8: add it, or leave --calibrate out")
    export(weights, to, int8=int8, calibrate=calibrate, input_size=input_size, out=out)


def export(
    weights: str,
    to: Kind,
    *,
    int8: bool = False,
    calibrate: str | None = None,
    input_size: int | None = None,
    out: Path | None = None,
    say: Callable[[str], None] = typer.echo,
) -> Path:
    """Write a checkpoint as a file for another runtime, and compare it with torch.

    Args:
        weights: a name or a file.
        to: which kind of file.
        int8: quantize it.
        calibrate: a clip or images to find the ranges on; None: the demo clip.
        input_size: short side, pixels, of the frames it is calibrated and compared with.
        out: the file; None: named after the checkpoint, in the current folder.
        say: where the outcome goes.

    Raises:
        PoseError: a package is missing, the weights, frames or file cannot be used, or the file
            does not compute what the network does.
    """
    from engine.network.exported import facts_of
    from engine.network.hrnet import fold_batch_norm
    from engine.network.runtime import calibration_samples
    from engine.network.weights import load_checkpoint

    _need(to, int8)
    checkpoint = load_checkpoint(weights)
    target = _target(out, to, checkpoint.name + ("-int8" if int8 else ""))
    size = input_size or checkpoint.input_size
    samples = calibration_samples(calibrate or str(assets.path(DEMO)), size)
    facts = facts_of(checkpoint, size, "int8" if int8 else "fp32")
    network = fold_batch_norm(checkpoint.network)
    in_float = checkpoint.network.in_float
    work = _Export(network, facts, target, samples if int8 else None, in_float)
    work.write()
    say(_described(checkpoint, target))
    differences = work.check(samples[:CHECKED])
    say(
        f"max |difference| from torch on {len(differences)} inputs: "
        f"heat and tags {max(low for low, _ in differences):.2g}, "
        f"fine heat {max(high for _, high in differences):.2g}"
    )
    return target


def _need(to: Kind, int8: bool) -> None:
    from gpu_ops.device import DeviceUnavailable
    from gpu_ops.runtimes.plan import need, need_quantisation

    try:
        need("openvino" if to == "openvino" else "onnxruntime")
        if int8:
            need_quantisation(to)
    except DeviceUnavailable as error:
        raise DeviceError(str(error)) from error


def _target(out: Path | None, to: Kind, name: str) -> Path:
    from engine.network.exported import SUFFIXES, read_facts

    suffix = SUFFIXES[to]
    target = out or Path(name + suffix)
    if target.suffix != suffix:
        raise SettingsError(f"--to {to} writes a file that ends in {suffix}, not {target}")
    make_folder(target.parent)
    if target.exists() or (to == "openvino" and target.with_suffix(".bin").exists()):
        try:
            read_facts(target)
        except WeightsError as error:
            raise OutputError(
                f"{target} or its .bin is there and no exported model: choose another --out"
            ) from error
    return target


def _described(checkpoint: Checkpoint, target: Path) -> str:
    parts = [target, target.with_suffix(".bin")] if target.suffix == ".xml" else [target]
    megabytes = sum(part.stat().st_size for part in parts) / 1e6
    return f"{checkpoint.name}: {' and '.join(map(str, parts))}, {megabytes:.1f} MB"


@dataclass(frozen=True, slots=True, eq=False)
class _Export:
    """One file to be written and checked."""

    network: torch.nn.Module
    facts: dict[str, str]
    target: Path
    samples: Samples | None  # to calibrate int8 with; None: fp32
    in_float: tuple[str, ...]  # patterns of layers' names that int8 leaves in float32

    def write(self) -> None:
        """Write the file under another name, and give it its own once it is complete."""
        stem = f"part-{os.getpid()}-{self.target.stem}"
        plain = self.target.with_name(stem + "-plain.onnx")
        partial = self.target.with_name(stem + self.target.suffix)
        try:
            self._write(plain, partial)
            if partial.suffix == ".xml":
                partial.with_suffix(".bin").replace(self.target.with_suffix(".bin"))
            partial.replace(self.target)
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"cannot write {self.target}: {reason}") from error
        finally:
            for left in (plain, partial, partial.with_suffix(".bin")):
                left.unlink(missing_ok=True)

    def _write(self, plain: Path, partial: Path) -> None:
        from gpu_ops.runtimes import quantise
        from gpu_ops.runtimes.onnx_file import write_onnx

        write_onnx(self.network, plain, self.facts)
        if partial.suffix == ".onnx":
            if self.samples is None:
                plain.replace(partial)
            else:
                quantise.quantise_onnx(plain, self.samples, partial, self.in_float)
        elif self.samples is None:
            quantise.save_openvino(quantise.read_openvino(plain), partial, self.facts)
        else:
            model = quantise.quantise_openvino(plain, self.samples, self.in_float)
            # See OpenVinoNetwork: a plain script must not meet the free size. It may reshape.
            model.reshape([-1, *self.samples[0].shape[1:]])
            quantise.save_openvino(model, partial, self.facts)

    def check(self, samples: Samples) -> list[tuple[float, float]]:
        """Largest differences of both outputs from torch's, for each input and a part of it.

        Raises:
            WeightsError: they are too large for rounding; the file is removed.
        """
        run = self._open()
        found = []
        for sample in samples:
            smaller = sample[:, :, : sample.shape[2] // 2 // 32 * 32 or 32]
            found += [self._difference(run, x) for x in (sample, smaller)]
        if self.samples is None and max(map(max, found)) > MOST:
            self.target.unlink()
            raise WeightsError(
                f"{self.target} computed other maps than the network (up to "
                f"{max(map(max, found)):.2g} apart) and was removed: please report this"
            )
        return found

    def _open(self) -> Network:
        from gpu_ops.runtimes.onnxruntime_network import OnnxRuntimeNetwork
        from gpu_ops.runtimes.openvino_network import OpenVinoNetwork

        if self.target.suffix == ".onnx":
            return OnnxRuntimeNetwork(self.target)
        return OpenVinoNetwork(self.target)

    def _difference(self, run: Network, x: NDArray[np.float32]) -> tuple[float, float]:
        import torch

        with torch.inference_mode():
            tensor = torch.from_numpy(x.copy())
            pairs = zip(run(tensor), self.network(tensor), strict=True)
            low, high = (float((got - wanted).abs().max()) for got, wanted in pairs)
        return low, high
