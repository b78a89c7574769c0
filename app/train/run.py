"""One training run from its data to its checkpoint, alone or as one of several processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from app.signals import Stop, stop_on_signal
from app.train.about import about
from engine.decoding.scoring import PAPER_SCORING, Scoring
from engine.errors import DataError, OutputError, SettingsError, WeightsError
from engine.files import make_folder
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES
from engine.network.thresholds import Thresholds, few_joints, thresholds_of
from engine.network.weights import DEFAULT_INPUT_SIZE, Checkpoint, load_checkpoint
from engine.skeleton import Skeleton
from engine.training.annotations import Annotations, load_annotations, load_pack
from engine.training.checkpoint import export, save_state
from engine.training.curriculum import fine_tuning, from_nothing
from engine.training.dataset import Batches
from engine.training.logs import RunLog
from engine.training.loop import (
    Progress,
    Recipe,
    Trainer,
    choose_device,
    join_ranks,
    resume,
    train,
)
from engine.training.measure import ValidationSet, open_validation_set
from engine.training.ranks import agreed, leave_ranks, rank
from engine.training.start import adopt, adopt_extractor, initialise

RANDOM = "random"  # instead of a checkpoint: begin with random weights
PRETRAINED = "pretrained"  # the bundled network's feature extractor, everything after it random
WEIGHTS, STATE = "weights.safetensors", "state.pt"
_ASK_EVERY = 10  # steps between two questions whether to stop: several processes must agree

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What is to be trained, on what, and for how long."""

    annotations: tuple[Path, ...] = ()  # COCO keypoint files, of the same keypoints
    images: tuple[Path, ...] = ()  # the folder of each
    data: tuple[Path, ...] = ()  # packed data sets
    shares: tuple[float, ...] | None = None  # of `annotations`, then `data`; None: by people
    out: Path  # folder for weights.safetensors, state.pt and progress.ndjson
    weights: str = "compact"  # to begin with: a name, a file, "pretrained" or "random"
    network: str = "shallow"  # for random weights: a row of the table of sizes
    steps: int = 20_000
    batch: int = 16
    input_size: int | None = None  # short side, pixels; None: what the checkpoint is for
    learning_rate: float | None = None  # None: 1e-2 for new layers, a tenth of it for a checkpoint
    validation_annotations: Path | None = None  # images kept out of training, to measure AP on
    validation_images: Path | None = None
    resume: bool = False  # continue the run in `out`
    force: bool = False  # start over, whatever is in `out`
    device: str = "auto"
    thaw: int | None = None  # the first block of a pretrained extractor that learns; None: none
    workers: int = 0  # processes that prepare batches
    seed: int = 0
    save_every: int = 1000  # steps
    log: Path | None = None  # folder for TensorBoard


@dataclass(frozen=True, slots=True, eq=False)
class _Begin:
    """The network a run begins with."""

    name: str  # of its sizes in the table
    network: HigherHRNet
    input_size: int  # short side, pixels
    scoring: Scoring = PAPER_SCORING  # these two as the checkpoint has them whose keypoints go on
    suiting: Thresholds = field(default_factory=Thresholds)


class _Stopped(KeyboardInterrupt):
    """Raised between steps when a stop was requested."""


def run(job: TrainingJob, say: Say = print) -> Path | None:
    """Train.

    Returns:
        the file with the weights, or None in a process that writes none.

    Raises:
        PoseError: something the user gave cannot be used.
        KeyboardInterrupt: a signal asked to stop; everything so far is saved.
    """
    _check(job)
    device = join_ranks(choose_device(job.device))
    here, ranks = rank()
    say = say if here == 0 else _silent
    try:
        sources = _sources(job)
        begin = _begin(job, sources[0].skeleton, say)
        if job.thaw is not None and begin.network.extractor is None:
            raise SettingsError(f"nothing to thaw: {begin.name} has no pretrained extractor")
        plan = from_nothing if job.weights == RANDOM else fine_tuning
        phases = plan(job.steps, job.batch, begin.input_size)
        batches = Batches(sources, phases, shares=job.shares, seed=job.seed, rank=here, ranks=ranks)
        trainer = Trainer(begin.network, batches, _recipe(job), device)
        if job.resume:
            _resume(trainer, job.out)
            say(f"continuing at step {trainer.step} of {job.steps}")
        for line in (*about(sources), f"training on {device}; results in {job.out}"):
            say(line)
        return _train(trainer, job, begin, say)
    finally:
        leave_ranks()


def _train(trainer: Trainer, job: TrainingJob, begin: _Begin, say: Say) -> Path | None:
    here, ranks = rank()
    validation = _validation_set(job, begin.input_size, trainer.batches.skeleton)
    if here:
        with stop_on_signal(patient=True) as stop:
            train(trainer, job.out, workers=job.workers, each_step=_stopping(trainer, stop))
        return None
    make_folder(job.out)
    log = RunLog(job.out, step=trainer.step, curves=job.log)

    def report(progress: Progress) -> None:
        say(str(progress))
        log.progress(progress)

    def saved(trainer: Trainer) -> None:
        _deliver(trainer, job, begin)
        if validation is not None:
            ap = validation.ap(load_checkpoint(job.out / WEIGHTS))
            say(f"step {trainer.step}: AP {ap:.3f} on {validation.truth.name}")
            log.accuracy(trainer.step, ap, validation.truth.name)

    try:
        with stop_on_signal(say, after="a few steps", patient=ranks > 1) as stop:
            asked = _stopping(trainer, stop)
            train(
                trainer, job.out, workers=job.workers, report=report, saved=saved, each_step=asked
            )
    except _Stopped:
        save_state(job.out / STATE, trainer.state())
        _deliver(trainer, job, begin)
        raise
    finally:
        log.close()
    return job.out / WEIGHTS


def _stopping(trainer: Trainer, stop: Stop) -> Callable[[], None]:
    def each_step() -> None:
        if trainer.step % _ASK_EVERY == 0 and agreed(stop.asked, trainer.device):
            raise _Stopped

    return each_step


def _check(job: TrainingJob) -> None:
    if len(job.annotations) != len(job.images) or not (job.annotations or job.data):
        raise SettingsError(
            f"{len(job.annotations)} annotation files but {len(job.images)} image folders: "
            "give --annotations and --images in pairs, or --data with a packed data set"
        )
    sources = len(job.annotations) + len(job.data)
    if job.shares and (
        len(job.shares) != sources or min(job.shares) < 0 or not 0 < sum(job.shares) < float("inf")
    ):
        raise SettingsError(
            f"shares {job.shares}: give a number from 0 up for each of the {sources} data sets"
        )
    if (job.validation_annotations is None) != (job.validation_images is None):
        raise SettingsError("to measure AP give both --dev-annotations and --dev-images")
    if job.validation_annotations and find_spec("pycocotools") is None:
        raise SettingsError(
            "measuring AP needs pycocotools: pip install it, or leave out --dev-annotations"
        )
    if job.input_size is not None and (job.input_size % 32 or job.input_size < 64):
        raise SettingsError(f"input size {job.input_size}: must be a multiple of 32 from 64 up")
    for name, value in (("steps", job.steps), ("batch", job.batch), ("save-every", job.save_every)):
        if value < 1:
            raise SettingsError(f"{name} is {value}, must be at least 1")
    if (job.out / STATE).exists() and not (job.resume or job.force):
        raise OutputError(
            f"{job.out} holds a run already: add --resume, or start over with --force"
        )


def _sources(job: TrainingJob) -> list[Annotations]:
    pairs = zip(job.annotations, job.images, strict=True)
    return [*(load_annotations(*pair) for pair in pairs), *(load_pack(path) for path in job.data)]


def _validation_set(job: TrainingJob, input_size: int, skeleton: Skeleton) -> ValidationSet | None:
    if job.validation_annotations is None or job.validation_images is None:
        return None
    validation = open_validation_set(job.validation_annotations, job.validation_images, input_size)
    if validation.truth.skeleton.names != skeleton.names:
        raise DataError(f"{validation.truth.file} has other keypoints than the training data")
    return validation


def _begin(job: TrainingJob, skeleton: Skeleton, say: Say) -> _Begin:
    own = job.out / WEIGHTS
    if job.resume and own.is_file():
        # On another machine the checkpoint it began with may not be there, and is not needed.
        return _from_checkpoint(load_checkpoint(own), job, skeleton, _silent)
    if job.weights == PRETRAINED:
        return _pretrained(job, skeleton, say)
    if job.weights != RANDOM:
        return _from_checkpoint(load_checkpoint(job.weights), job, skeleton, say)
    if job.network not in SIZES:
        raise SettingsError(f"no network {job.network!r}; there are {', '.join(SIZES)}")
    sizes = replace(SIZES[job.network], keypoints=len(skeleton))
    if sizes.backbone != "hrnet":
        raise SettingsError(
            f"{job.network} cannot begin from random weights: its feature extractor has no batch "
            f"norm and was trained elsewhere; use --weights {PRETRAINED}, or another --network"
        )
    network = initialise(HigherHRNet(sizes), seed=job.seed)
    return _Begin(job.network, network, job.input_size or DEFAULT_INPUT_SIZE["shallow"])


def _pretrained(job: TrainingJob, skeleton: Skeleton, say: Say) -> _Begin:
    start = load_checkpoint("compact")
    network = HigherHRNet(replace(start.sizes, keypoints=len(skeleton)))
    adopt_extractor(initialise(network, seed=job.seed), start.network)
    say(f"starting from the feature extractor of {start.name}")
    return _Begin(start.network_name, network, job.input_size or start.input_size)


def _from_checkpoint(start: Checkpoint, job: TrainingJob, skeleton: Skeleton, say: Say) -> _Begin:
    sizes = replace(start.sizes, keypoints=len(skeleton))
    network = initialise(HigherHRNet(sizes), seed=job.seed)
    new = adopt(network, skeleton.names, start.network.state_dict(), start.skeleton.names)
    say(f"starting from {start.name}" + (f"; new to it: {', '.join(new)}" if new else ""))
    input_size = job.input_size or start.input_size
    if new:  # their peaks are low at first: what suits the others would hide them
        return _Begin(start.network_name, network, input_size)
    suiting = thresholds_of(str(start.path)).for_decoding
    return _Begin(start.network_name, network, input_size, start.scoring, suiting)


def _resume(trainer: Trainer, out: Path) -> None:
    try:
        resume(trainer, out)
    except (RuntimeError, ValueError, KeyError) as error:  # as torch says that something differs
        raise WeightsError(
            f"{out / STATE} is of another network, other keypoints or another version; resume with "
            "the data and options the run was begun with"
        ) from error


def _recipe(job: TrainingJob) -> Recipe:
    default = (
        1e-2 if job.weights in (RANDOM, PRETRAINED) else 1e-3
    )  # measured with Muon, see docs/training.md
    return Recipe(
        learning_rate=job.learning_rate or default,
        warm_up=min(500, job.steps // 10),
        thawed=job.thaw,
        save_every=job.save_every,
        report_every=min(100, job.save_every),
    )


def _deliver(trainer: Trainer, job: TrainingJob, begin: _Begin) -> None:
    data = ", ".join(path.name for path in (*job.annotations, *job.data))
    suiting = begin.suiting.over(few_joints(len(trainer.batches.skeleton)))
    notes = suiting.header if suiting.values else {}
    notes |= begin.scoring.header
    export(
        job.out / WEIGHTS,
        trainer.averaged,
        name=begin.name,
        skeleton=trainer.batches.skeleton,
        input_size=begin.input_size,
        trained=f"{trainer.step} steps of {job.batch} on {data}, from {job.weights}",
        notes=notes,
    )


def _silent(text: str) -> None:
    """What the other processes of a run say."""
