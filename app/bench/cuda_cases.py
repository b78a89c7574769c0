"""The cases of the CUDA benchmark: stages, latencies and throughput of each.

People are put into the network's maps after it has run, so that decoding is measured apart from
any weights, and the network has random ones: they do not change its speed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from engine.settings import PAPER_GROUPING, EngineSettings
from engine.types import Frame

if TYPE_CHECKING:
    from torch import Tensor

    from engine.estimator import PoseEstimator
    from engine.network.weights import Checkpoint
    from gpu_ops.cuda import CudaDevice
    from gpu_ops.device import Device, Network

MACS = {("w32", 512): 46.20e9, ("w48", 512): 95.66e9}  # of one frame, ../shared/spec
STAGES = {
    "warp_half": "warp",
    "warp_float": "warp",
    "network": "network",
    "mark_peaks": "peaks",
    "best_peaks": "peaks",
    "peak_tags": "peaks",
    "group_peaks": "group",
    "tag_ranges": "refine",
    "place_joints": "refine",
}
COLUMNS = ("upload", "warp", "network", "peaks", "group", "refine", "download")


@dataclass(frozen=True, slots=True)
class CudaCases:
    """What is measured."""

    networks: Sequence[str] = ("w32", "w48")
    size: int = 512  # network input and frame, pixels
    batches: Sequence[int] = (1, 4, 16)
    people: Sequence[int] = (0, 1, 5, 15, 30)
    repeats: int = 200  # batches whose latency is measured, and fewer of large ones
    warm_ups: int = 5  # batches before a measurement
    baseline: str = "w32"
    copy: int = 1 << 30  # bytes copied to find the card's rate
    matrix: int = 8192  # rows of the product that finds the card's rate


@dataclass(frozen=True, slots=True)
class Row:
    """One case; milliseconds per batch unless said otherwise."""

    network: str
    batch: int
    people: int
    stages: dict[str, float] = field(default_factory=dict)  # by COLUMNS, on the device
    p50: float = 0.0  # from frames in host memory to poses, one batch at a time
    p95: float = 0.0
    p99: float = 0.0
    frames_per_second: float = 0.0  # two batches in flight
    decoding: float = 0.0  # ms per frame: everything after the network, the host's part included
    floor: float = 0.0  # what moving the bytes and doing the network's operations must take

    @property
    def above_floor(self) -> float:
        """How many times the floor the latency is."""
        return self.p50 / self.floor


class _WithPeople:
    """A device whose prepared network is given, and puts out the same people after each run."""

    def __init__(self, device: CudaDevice, run: Network | None, low: Tensor, high: Tensor) -> None:
        self._device = device
        self._run = run
        self._maps = low, high

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def prepare(self, network: Any) -> Network:
        """In place of `network`, which is not used."""
        low, high = self._maps

        def run(x: Tensor) -> tuple[Tensor, Tensor]:
            if self._run:
                self._run(x)
            return low[: len(x)], high[: len(x)]

        return run


def rows(
    device: CudaDevice, name: str, plan: CudaCases, ceilings: dict[str, float]
) -> Iterator[Row]:
    """Measure one network with every batch and number of people."""
    run = device.prepare(random_network(name))
    for batch in plan.batches:
        for people in plan.people:
            yield _row(device, run, Row(name, batch, people), plan, ceilings)


def _row(
    device: CudaDevice, run: Network, case: Row, plan: CudaCases, ceilings: dict[str, float]
) -> Row:
    frames = random_frames(case.batch, plan.size)
    low, high = (m.to(device.torch_device) for m in network_maps(case.people, plan, case.batch))
    repeats = max(min(10, plan.repeats), plan.repeats // case.batch)

    def estimator(network: Network | None) -> PoseEstimator:
        return _estimator(_WithPeople(device, network, low, high), case.batch, plan.size)

    whole = estimator(run)
    latencies = _latencies(whole, frames, repeats, plan.warm_ups)
    p50, p95, p99 = np.percentile(latencies, (50, 95, 99)).tolist()
    without = _latencies(estimator(None), frames, repeats, plan.warm_ups)
    stages = _stages(device, lambda: estimator(run), frames, min(repeats, 20))
    after_network = float(np.median(without)) - stages["upload"] - stages["warp"]
    return replace(
        case,
        stages=stages,
        p50=p50,
        p95=p95,
        p99=p99,
        frames_per_second=_rate(whole, frames, repeats),
        decoding=max(0.0, after_network) / case.batch,
        floor=_floor(case.network, plan.size, case.batch, (low, high), frames, ceilings),
    )


def network_times(device: CudaDevice, name: str, plan: CudaCases) -> Iterator[dict[str, Any]]:
    """The network alone, ms per batch: started kernel by kernel, and as a graph, three ways."""
    import torch

    from gpu_ops.cuda_timing import usual_time

    plain = device.moved(random_network(name))
    fused = device.prepare(random_network(name))
    driver = device.driver
    for batch in plan.batches:
        x = torch.randn((batch, 3, plan.size, plan.size), device=device.torch_device)
        x = x.to(device.dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            eager = usual_time(driver, lambda: plain(x), min(plan.repeats, 20))  # noqa: B023
        times = {"network": name, "batch": batch, "eager": eager}
        for label, network, benchmark in (
            ("graph", plain, False),
            ("graph, fused", fused, False),
            ("graph, fused, cudnn.benchmark", fused, True),
        ):
            driver.benchmark, before = benchmark, driver.benchmark
            with driver.using(driver.stream()):
                replay = driver.capture(network, x)[0]
            driver.benchmark = before
            times[label] = usual_time(driver, replay, min(plan.repeats, 50))
        yield times


def random_network(name: str) -> Any:
    """A network with random weights, on the CPU in float32."""
    import torch

    from engine.network.higher_hrnet import HigherHRNet
    from engine.network.hrnet import SIZES

    torch.manual_seed(0)
    return HigherHRNet(SIZES[name]).eval()


def random_frames(batch: int, size: int) -> list[Frame]:
    """Frames of (size, size) pixels of noise."""
    random = np.random.default_rng(0)
    return [
        Frame(random.integers(0, 256, (size, size, 3), np.uint8), index, 0.0, 0.0, "bench")
        for index in range(batch)
    ]


def network_maps(people: int, plan: CudaCases, batch: int) -> tuple[Tensor, Tensor]:
    """low (batch, 34, h, w) and high (batch, 17, 2h, 2w) float32 of made-up people."""
    import torch

    from app.bench.scenes import maps_of_people

    half = plan.size // 2
    heat, tag = maps_of_people(people, (half, half), tags=1)
    low = np.concatenate((heat[:, ::2, ::2], tag[:, ::2, ::2, 0]))
    repeated = (np.repeat(maps[None], batch, axis=0) for maps in (low, heat))
    first, second = (torch.from_numpy(maps) for maps in repeated)
    return first, second


def _estimator(device: Any, batch: int, size: int) -> PoseEstimator:
    import torch

    from engine.estimator import PoseEstimator
    from engine.network.weights import TrainedNetwork
    from engine.skeleton import COCO

    checkpoint = TrainedNetwork(network=torch.nn.Identity(), skeleton=COCO, input_size=size)
    settings = EngineSettings(batch=batch)
    return PoseEstimator(
        cast("Checkpoint", checkpoint), cast("Device", device), settings, PAPER_GROUPING
    )


def _latencies(
    estimator: PoseEstimator, frames: Sequence[Frame], repeats: int, warm_ups: int
) -> list[float]:
    """Milliseconds from frames to poses, one batch at a time, warmed up."""
    spent = []
    for index in range(repeats + warm_ups):
        began = time.perf_counter()
        estimator.collect(estimator.submit(frames))
        if index >= warm_ups:
            spent.append((time.perf_counter() - began) * 1e3)
    return spent


def _rate(estimator: PoseEstimator, frames: Sequence[Frame], repeats: int) -> float:
    """Frames per second with two batches in flight."""
    flying = [estimator.submit(frames)]
    for warm in range(2):
        flying.append(estimator.submit(frames))
        estimator.collect(flying.pop(0))
        began = time.perf_counter() if warm else 0.0
    for _ in range(repeats):
        flying.append(estimator.submit(frames))
        estimator.collect(flying.pop(0))
    seconds = time.perf_counter() - began
    estimator.collect(flying.pop())
    return repeats * len(frames) / seconds


def _stages(
    device: CudaDevice, make: Callable[[], PoseEstimator], frames: Sequence[Frame], repeats: int
) -> dict[str, float]:
    """Mean ms of a batch on the device by stage; copies are measured by themselves."""
    from gpu_ops.cuda_timing import timed, transfer_time

    sums = dict.fromkeys(COLUMNS, 0.0)
    with timed(device) as spent:
        estimator = make()
        _latencies(estimator, frames, 1, 1)
        spent.take()
        for _ in range(repeats):
            estimator.collect(estimator.submit(frames))
        for name, total in spent.take().items():
            sums[STAGES[name]] += total / repeats
    sums["upload"] = transfer_time(device.driver, sum(f.pixels.size for f in frames), up=True)
    sums["download"] = transfer_time(device.driver, len(frames) * _results_size(), up=False)
    return sums


def _results_size() -> int:
    """Bytes that come back for one frame: peaks, members and tags of all groups there may be."""
    joints, most = 17, PAPER_GROUPING.most_people
    return joints * most * (4 + 4 + 4) + joints * most * (joints + 1) * 4


def _floor(
    name: str,
    size: int,
    batch: int,
    maps: Sequence[Tensor],
    frames: Sequence[Frame],
    ceilings: dict[str, float],
) -> float:
    """Milliseconds that a batch takes at least: the larger of moving bytes and computing.

    Bytes: pixels in, the network's input written and read, its maps written and read once.
    """
    pixels = sum(frame.pixels.size for frame in frames)
    moved = pixels + 2 * 2 * 3 * size * size * batch + 2 * sum(m.nbytes for m in maps)
    operations = 2 * MACS.get((name, size), 0.0) * batch
    seconds = max(
        moved / ceilings["copy_bytes_per_second"], operations / ceilings["operations_per_second"]
    )
    return seconds * 1e3
