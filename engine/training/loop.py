"""The training loop: optimiser, schedule, mixed precision, averaged weights, resume.

Besides the device modules this is the only place that knows CUDA. A run leaves two files in its
folder: `state.pt`, from which it resumes as if never stopped, and `weights.safetensors`, the
averaged weights in the form the rest of the program loads.
"""

from __future__ import annotations

import copy
import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.utils.data import DataLoader

from engine.errors import DeviceError
from engine.network.higher_hrnet import HigherHRNet
from engine.training.checkpoint import load_state, save_state
from engine.training.dataset import Batch, Batches
from engine.training.losses import heatmap_loss, tag_loss
from engine.training.optimiser import optimisers
from engine.training.ranks import rank

MEAN = (123.675, 116.28, 103.53)  # of ImageNet, RGB in 0..255
DEVIATION = (58.395, 57.12, 57.375)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the weights move."""

    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    warm_up: int = 500  # steps from nothing to the full rate
    cool_down: float = 0.4  # share of the run over which the rate falls to nothing
    average: float = 0.999  # how much of the averaged weights a step keeps
    gain: float = 4.0  # extra weight of a heatmap's centre beside its background
    tags: float = 0.2  # weight of the push of tags beside a heatmap loss
    clip: float = 5.0  # largest gradient norm
    # A pretrained backbone: the first of its blocks that learns (None: it stays as it is), the step
    # from which its rate rises over ten times `warm_up`, and that rate beside the others': relative
    # to the size of every filter, see `relative_adam.py`.
    thawed: int | None = None
    thaw_at: int = 0
    backbone: float = 0.05
    save_every: int = 1000  # steps
    report_every: int = 100  # steps


@dataclass(frozen=True, slots=True)
class Progress:
    """What happened since the last report; losses are means over those steps."""

    step: int
    steps: int
    losses: Mapping[str, float]  # low, high, push, pull
    rate: float  # learning rate
    views_per_second: float

    def __str__(self) -> str:
        terms = " ".join(f"{name} {value:.3f}" for name, value in self.losses.items())
        left = f"{self.step}/{self.steps}"
        return f"step {left} {terms} rate {self.rate:.2e} {self.views_per_second:.1f} views/s"


class Trainer:
    """A network on its way, with everything a resumed run needs."""

    def __init__(
        self, network: HigherHRNet, batches: Batches, recipe: Recipe, device: torch.device
    ) -> None:
        self.network = network.train().to(device)
        if network.extractor is not None:
            network.extractor.thaw(recipe.thawed)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # no stub
        self._forward: nn.Module = network
        if distributed.is_initialized():
            ours = [device] if device.type == "cuda" else None
            self._forward = nn.parallel.DistributedDataParallel(network, device_ids=ours)
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(requires_grad=False)
        self.batches = batches
        self.recipe = recipe
        self.device = device
        self.step = 0
        self._optimisers = optimisers(
            self.network, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        # Apart, or a backbone that begins to learn would shrink everything else's gradients, and
        # momentum would go on for a hundred steps where it went before.
        known = list(network.extractor.parameters()) if network.extractor is not None else []
        held = {id(parameter) for parameter in known}
        self._clipped_together = (
            [parameter for parameter in network.parameters() if id(parameter) not in held],
            known,
        )
        self._precision = low_precision(device)
        self._scaler = torch.amp.GradScaler(enabled=self._precision is torch.float16)
        self._mean = torch.tensor(MEAN, device=device)
        self._deviation = torch.tensor(DEVIATION, device=device)

    def learn(self, batch: Batch) -> Tensor:
        """Take one step; returns low, high, push, pull as one detached tensor."""
        batch = batch.to(self.device)
        for group in (group for each in self._optimisers for group in each.param_groups):
            group["lr"] = self.rate(self.step) * self._share(group)
        x = ((batch.pixels - self._mean) / self._deviation).permute(0, 3, 1, 2)
        low_precision = self._precision is not torch.float32
        with torch.autocast(self.device.type, self._precision, enabled=low_precision):
            low, high = self._forward(x)
        loss, terms = self._loss(low.float(), high.float(), batch)
        self.network.zero_grad()
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        for optimiser in self._optimisers:
            self._scaler.unscale_(optimiser)
        for parameters in self._clipped_together:
            nn.utils.clip_grad_norm_(parameters, self.recipe.clip)
        for optimiser in self._optimisers:
            self._scaler.step(optimiser)
        self._scaler.update()
        self._update_average()
        self.step += 1
        return terms

    def _loss(self, low: Tensor, high: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        k, gain = high.shape[1], self.recipe.gain
        coarse = heatmap_loss(low[:, :k], batch.low, batch.low_mask, gain=gain)
        fine = heatmap_loss(high, batch.high, batch.high_mask, gain=gain)
        push, pull = tag_loss(low[:, k:], batch.cells)
        pull_weight = self.batches.phase(self.step).pull
        loss = coarse + fine + self.recipe.tags * (push + pull_weight * pull)
        return loss, torch.stack((coarse, fine, push, pull)).detach()

    def rate(self, step: int) -> float:
        """Learning rate of a step: a rise, a plateau, a straight fall to zero at the end."""
        steps, recipe = len(self.batches), self.recipe
        rise = min(1.0, (step + 1) / max(1, recipe.warm_up))
        fall = (steps - step) / max(1.0, steps * recipe.cool_down)
        return recipe.learning_rate * max(0.0, min(rise, fall))

    def _share(self, group: Mapping[str, Any]) -> float:
        """What a group of parameters gets of the learning rate."""
        if not group.get("backbone"):
            return 1.0
        rise = (self.step - self.recipe.thaw_at) / max(1, 10 * self.recipe.warm_up)
        return self.recipe.backbone * min(1.0, max(0.0, rise))

    @torch.no_grad()
    def _update_average(self) -> None:
        # A young average keeps less, or it would carry the random start along.
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        old, new = self.averaged.state_dict(), self.network.state_dict()
        floating = [name for name in old if old[name].is_floating_point()]
        torch._foreach_lerp_(
            [old[name] for name in floating], [new[name] for name in floating], 1 - keep
        )

    def state(self) -> dict[str, Any]:
        """Everything needed to continue, as tensors and plain values."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "scaler": self._scaler.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state()` of the same network."""
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        for optimiser, kept in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self._scaler.load_state_dict(state["scaler"])
        self.step = state["step"]


def train(
    trainer: Trainer,
    folder: Path,
    *,
    workers: int = 0,
    report: Callable[[Progress], None] = lambda progress: None,
    saved: Callable[[Trainer], None] = lambda trainer: None,
    each_step: Callable[[], None] = lambda: None,
) -> None:
    """Train from the trainer's step to the end of its phases.

    Args:
        trainer: new, or restored from a state.
        folder: where `state.pt` is kept.
        workers: processes that prepare batches; 0 prepares them in this one.
        report: called with every progress report.
        saved: called after each save, for exporting or measuring.
        each_step: called between steps, to pause or stop.
    """
    recipe, last, first = trainer.recipe, len(trainer.batches), rank()[0] == 0
    tally = _Tally()
    for batch in prepared(trainer.batches, range(trainer.step, last), workers):
        each_step()
        tally.add(trainer.learn(batch), len(batch.pixels))
        done = trainer.step == last
        if first and (done or trainer.step % recipe.report_every == 0):
            report(tally.progress(trainer))
            tally = _Tally()
        if first and (done or trainer.step % recipe.save_every == 0):
            save_state(folder / "state.pt", trainer.state())
            saved(trainer)


class _Tally:
    """What was learned since the last report."""

    def __init__(self) -> None:
        self._since = time.perf_counter()
        self._losses: list[Tensor] = []
        self._views = 0

    def add(self, losses: Tensor, views: int) -> None:
        self._losses.append(losses)
        self._views += views

    def progress(self, trainer: Trainer) -> Progress:
        means = torch.stack(self._losses).mean(0).tolist()
        names = ("low", "high", "push", "pull")
        return Progress(
            step=trainer.step,
            steps=len(trainer.batches),
            losses=dict(zip(names, means, strict=True)),
            rate=trainer.rate(trainer.step - 1),
            views_per_second=self._views * rank()[1] / (time.perf_counter() - self._since),
        )


def choose_device(name: str) -> torch.device:
    """The device to train on: auto, cpu, cuda or cuda:N; auto takes CUDA where there is one.

    Raises:
        DeviceError: it is not here.
    """
    there = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if there else "cpu")
    if name != "cpu" and not (there and name.split(":")[0] == "cuda"):
        raise DeviceError(f"cannot train on {name!r} here; use auto or cpu")
    return torch.device(name)


def low_precision(device: torch.device) -> torch.dtype:
    """The precision of convolutions in training: as low as the device computes faster in.

    float16 on CUDA, bfloat16 on a processor with instructions for it (measured there: 2.2 times
    the views per second of float32), otherwise float32.
    """
    if device.type == "cuda":
        return torch.float16
    bfloat16 = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if bfloat16 else torch.float32


def join_ranks(device: torch.device) -> torch.device:
    """Meet the other processes if `torchrun` started us; returns the device this one works on."""
    if not distributed.is_torchelastic_launched():
        return device
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if device.type == "cuda":
        device = torch.device("cuda", distributed.get_node_local_rank())
        torch.cuda.set_device(device)
    return device


def resume(trainer: Trainer, folder: Path) -> None:
    """Restore the last saved state of a run."""
    trainer.restore(load_state(folder / "state.pt"))


def prepared(batches: Batches, steps: range, workers: int) -> DataLoader[Batch]:
    """The batches of these steps, made ahead of time by worker processes if there are any."""
    forked = "fork" in multiprocessing.get_all_start_methods()
    if workers and forked:
        batches.preload()
    # Forked workers share the decoded pictures. Python's own default differs by system and version.
    context = "fork" if forked else "spawn"
    return DataLoader(
        batches,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context=context if workers else None,
    )
