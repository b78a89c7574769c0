"""Make the pictures and the clip of docs/gallery.md and the README again.

When the bundled model changed, they show another one:

    python .ci/gallery.py

Needs posestream installed, and Chromium for the picture of the report page.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
CLIP = ROOT / "assets/demo/people.mp4"
SHOWN = (40, 170)  # frames of the demo clip, side by side


def main() -> None:
    """Process the demo clip and take from the results what the pages show."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        command = [sys.executable, "-m", "posestream", "process", str(CLIP), "-o", folder]
        subprocess.run([*command, "--report", "--set", "output.quality=28"], check=True)
        shutil.copyfile(out / "people.mp4", IMAGES / "people.mp4")
        pictures = [frame(out / "people.mp4", number) for number in SHOWN]
        quality = [cv2.IMWRITE_JPEG_QUALITY, 90]
        cv2.imwrite(str(IMAGES / "overlay.jpg"), np.hstack(pictures), quality)
        photograph(out / "people.html", IMAGES / "report.png")


def frame(video: Path, number: int) -> np.ndarray:
    """A frame of a video, (H, W, 3) uint8 BGR."""
    capture = cv2.VideoCapture(str(video))
    capture.set(cv2.CAP_PROP_POS_FRAMES, number)
    there, picture = capture.read()
    if not there:
        raise SystemExit(f"{video} has no frame {number}")
    return picture


def photograph(page: Path, picture: Path) -> None:
    """The top of an HTML page as a PNG."""
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,818"]
    subprocess.run(["chromium", *options, f"--screenshot={picture}", page.as_uri()], check=True)


if __name__ == "__main__":
    main()
