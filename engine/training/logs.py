"""What a training run leaves to look at: lines of NDJSON, and curves for TensorBoard on request.

A run that was killed continues from its last saved step, so what was noted of later steps is taken
back first: every step is there once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.errors import OutputError
from engine.files import cannot_write, write_whole
from engine.training.loop import Progress


class RunLog:
    """The notes of one run, by the one process that writes files."""

    def __init__(self, folder: Path, *, step: int = 0, curves: Path | None = None) -> None:
        """Begin, or continue after a step.

        Args:
            folder: of the run; its `progress.ndjson` is written.
            step: what is noted of later ones is taken back.
            curves: a folder for TensorBoard.

        Raises:
            ModuleNotFoundError: curves are wanted, but tensorboard is not installed.
            OutputError: a file cannot be written.
        """
        self._file = folder / "progress.ndjson"
        self._curves = _writer(curves, step) if curves else None
        try:
            _take_back(self._file, step)
        except OSError as error:
            raise OutputError(f"cannot write {self._file}: {error.strerror}") from error

    def progress(self, progress: Progress) -> None:
        """Note losses, rate and speed."""
        curves = {f"loss/{name}": value for name, value in progress.losses.items()}
        curves |= {"learning rate": progress.rate, "views per second": progress.views_per_second}
        self._note(asdict(progress), curves)

    def accuracy(self, step: int, ap: float, images: str) -> None:
        """Note the AP on images kept out of training."""
        self._note({"step": step, "ap": ap, "images": images}, {"dev/AP": ap})

    def close(self) -> None:
        """Write what is still in memory."""
        if self._curves:
            self._curves.close()

    def _note(self, entry: Mapping[str, Any], curves: Mapping[str, float]) -> None:
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise cannot_write(self._file, error) from error
        if self._curves:
            for name, value in curves.items():
                self._curves.add_scalar(name, value, entry["step"])
            self._curves.flush()


def _writer(folder: Path, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1)


def _take_back(file: Path, step: int) -> None:
    """Leave only whole lines of steps up to this one."""
    if not file.exists():
        return
    lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _step(line) <= step]
    write_whole(file, "".join(f"{line}\n" for line in kept).encode())


def _step(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # cut off when the run was killed
        return float("inf")
