"""From a name or a file to a network that is ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

import assets
from engine import files
from engine.decoding.scoring import PAPER_SCORING, Scoring
from engine.errors import WeightsError
from engine.network import convert, storage
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import Sizes
from engine.network.registry import Entry, find, registry, standard_folders
from engine.skeleton import COCO, Skeleton

# Short side, pixels, where neither file nor table says.
DEFAULT_INPUT_SIZE = {"compact": 256, "shallow": 256}
PAPER_INPUT_SIZE = 512


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainedNetwork:
    """What the estimator must know of a network; a stand-in needs no more."""

    network: nn.Module  # eval mode, CPU, float32
    skeleton: Skeleton
    input_size: int  # short side in pixels that suits it
    scoring: Scoring = PAPER_SCORING
    ramp: bool = False  # its tags start from a ramp over the picture, see `tag_scale.py`

    def tag_factor(self, input_size: int) -> float:
        """What tags are to be multiplied by at an input of another short side, pixels."""
        return self.input_size / input_size if self.ramp else 1.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Checkpoint(TrainedNetwork):
    """A trained network and what its user must know about it."""

    name: str  # as in `weights list`, or the file's name
    network: HigherHRNet  # eval mode, CPU, float32
    network_name: str  # w32, w48, compact, shallow, or what a file of ours says
    sizes: Sizes
    path: Path
    sha256: str | None  # of the published file; None for a file of ours that was not converted
    published: Entry | None  # the table's row, if this is that checkpoint


def load_network(name_or_path: str | Path, network: str | None = None) -> nn.Module:
    """The network of a checkpoint, in eval mode on the CPU; see `load_checkpoint`."""
    return load_checkpoint(name_or_path, network).network


def load_checkpoint(
    name_or_path: str | Path,
    network: str | None = None,
    *,
    folders: Sequence[Path] | None = None,
) -> Checkpoint:
    """Load a checkpoint of mmpose 0.x, of the original HigherHRNet repository, or of ours.

    Args:
        name_or_path: a name from `weights list`, or a file.
        network: w32, w48, compact or shallow; None takes what the file says or its shapes tell.
        folders: where names are looked for; None: the user's cache, then what ships with the
            program.

    Raises:
        WeightsError: it is not here, is damaged, or does not fit; one line with what to do.
    """
    path = locate(name_or_path, standard_folders() if folders is None else folders)
    tensors, text = storage.read(path)
    try:
        return _assemble(path, tensors, text, network)
    except WeightsError as error:
        raise WeightsError(f"cannot use {path}: {error}") from error


def locate(name_or_path: str | Path, folders: Sequence[Path]) -> Path:
    """The file that a name or a path means; a registered name wins over a file of that name.

    Raises:
        WeightsError: there is no such file.
    """
    path = Path(name_or_path).expanduser()
    if str(name_or_path) in registry():
        return find(str(name_or_path), folders)
    if path.is_file():
        return path
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; give the checkpoint file in it")
    if path.suffix or len(path.parts) > 1:
        raise WeightsError(f"there is no file {path}; `weights list` shows the known names")
    return find(str(name_or_path), folders)


def _assemble(
    path: Path, tensors: Mapping[str, Tensor], text: Mapping[str, str], network: str | None
) -> Checkpoint:
    state = convert.to_ours(tensors)
    native = text.get("format") == storage.FORMAT
    name, sizes, skeleton = _described(text) if native else _guessed(state, network)
    if network is not None and network != name:
        raise WeightsError(f"it is a {name} network, not {network}; leave the network out")
    if len(skeleton) != sizes.keypoints:
        raise WeightsError(
            f"it predicts {sizes.keypoints} keypoints, but {len(skeleton)} names are known"
        )
    state = convert.check_and_fill(state, sizes, name)
    sha256 = text.get("source_sha256") if native else files.sha256(path)
    entry = _published(path, text, sha256, name)
    return Checkpoint(
        name=entry.name if entry else storage.stored_name(text) or path.stem,
        network=build(sizes, state),
        network_name=name,
        sizes=sizes,
        skeleton=skeleton,
        input_size=_input_size(text, entry, name),
        path=path,
        sha256=sha256,
        published=entry,
        scoring=Scoring(
            size=storage.stored_share(text, "score_by_size", default=0.0),
            joints=storage.stored_share(text, "score_by_joints", default=1.0),
        ),
        ramp=any(sizes.tag_slope),
    )


def _described(text: Mapping[str, str]) -> tuple[str, Sizes, Skeleton]:
    name = text.get("network", "custom")
    return name, storage.stored_sizes(text), storage.stored_skeleton(text)


def _guessed(state: Mapping[str, Tensor], network: str | None) -> tuple[str, Sizes, Skeleton]:
    closest = convert.closest_network(state)
    sizes = convert.sizes_for(closest, state)
    if network and not convert.differences(convert.with_counters(state, sizes), sizes):
        network = closest  # beyond doubt; the caller compares it with what was asked for
    name = network or closest
    return name, convert.sizes_for(name, state), COCO


def build(sizes: Sizes, state: Mapping[str, Tensor]) -> HigherHRNet:
    """A network in eval mode that holds the given parameters themselves, not copies."""
    with torch.device("meta"):  # no time is spent on random values that are replaced at once
        network = HigherHRNet(sizes)
    network.load_state_dict(dict(state), assign=True)
    return network.eval()


def _published(
    path: Path, text: Mapping[str, str], sha256: str | None, network: str
) -> Entry | None:
    """The table's row of this very file; its published accuracy holds for nothing else."""
    for entry in registry().values():
        if entry.network == network and _is(entry, path, text, sha256):
            return entry
    return None


def _is(entry: Entry, path: Path, text: Mapping[str, str], sha256: str | None) -> bool:
    if entry.layout == "native":
        return path.resolve() == (assets.path("weights") / entry.file).resolve()
    named = path.name == entry.file or text.get("name") == entry.name
    if entry.sha256 is None:
        return named
    same = sha256 is not None and sha256.startswith(entry.sha256)
    if named and not same:
        raise WeightsError(
            f"its sha256 begins {(sha256 or 'unknown')[: len(entry.sha256)]}, that of "
            f"{entry.name} {entry.sha256}: it is damaged or another one; get it again or rename it"
        )
    return same


def _input_size(text: Mapping[str, str], entry: Entry | None, network: str) -> int:
    stored = text.get("input_size", "")
    if stored.isdecimal() and len(stored) < 5 and int(stored) > 0:
        return int(stored)
    return entry.input_size if entry else DEFAULT_INPUT_SIZE.get(network, PAPER_INPUT_SIZE)
