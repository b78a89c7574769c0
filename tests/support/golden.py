"""The reference's numbers: in tests/golden; large ones and photographs in ../shared/golden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

GOLDEN = Path(__file__).parents[1] / "golden"
BESIDE = Path(__file__).parents[3] / "shared" / "golden"

TIED = {"equal_amps", "plateau"}  # the reference's candidate order among equal peaks is arbitrary
LARGE = {"noisy5", "noisy12", "noisy_noflip", "dense_noise"}  # not in the repository
SCENES = [
    *("empty", "subthreshold", "one", "one_noflip", "five", "five_noflip_missing", "missing60"),
    *("nose_missing", "fifteen", "thirty", "thirtyfive", "overlap", "close_tags", "same_tags"),
    *("swap_lr", "border", "threshold", "negative", "allneg_joint", "tag_half", "key_collision"),
    *("false_positives", *sorted(LARGE), "large"),
    *sorted(TIED),
]


def golden_file(name: str) -> Path:
    """A file of golden numbers; skips the test where only ../shared would have it."""
    for folder in (GOLDEN, BESIDE):
        if (folder / name).is_file():
            return folder / name
    pytest.skip(f"needs ../shared/golden/{name}: too large for the repository, or a photograph")


def golden_json(name: str) -> Any:
    """A JSON file of golden numbers."""
    return json.loads(golden_file(name).read_text())


def load_scene(name: str) -> tuple[NDArray[np.float32], NDArray[np.float32], Any]:
    """heat (17, H, W), tags (17, H, W, L) and the recorded results of a scene."""
    scene = np.load(golden_file(f"dev/parse_{name}.npz"))
    if "heat" in scene:
        return scene["heat"], scene["tags"], scene
    heat = scene["heat_q"].astype(np.float32) * scene["heat_step"].astype(np.float32)
    tags = scene["tag_q"].astype(np.float32) * scene["tag_step"].astype(np.float32)
    return heat, tags, scene
