"""The commands that pages of the documentation name."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """Every line of a page's code that starts the program, as `posestream …`."""
    lines = []
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if language in ("", "sh", "bash", "console", "shell"):
            joined = block.replace("\\\n", " ")
            lines += [line.strip() for line in joined.splitlines()]
    found = [line.removeprefix("$ ").removeprefix(".venv/bin/") for line in lines]
    found += re.findall(
        r"`((?:posestream|python main.py) [^`]+)`", page.read_text(encoding="utf-8")
    )
    found = [re.sub(r"^python main\.py ", "posestream ", line) for line in found]
    return [line for line in found if line.startswith("posestream ")]


def words_of(line: str) -> list[str]:
    words = shlex.split(re.split(r"\s+[|>]\s", line)[0], comments=True)[1:]
    return [word for word in words if word != "…"]
