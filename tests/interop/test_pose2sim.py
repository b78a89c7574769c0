"""Pose2Sim takes our OpenPose files of four cameras to C3D.

It needs an OpenCV of its own, so it is installed beside: POSE2SIM_PYTHON names the interpreter.
"""

import os
import subprocess
from dataclasses import replace

import cv2
import numpy as np
import pytest

from app.tracks.c3d_points import read_points
from app.tracks.table import FORMATS, open_writer
from engine.skeleton import COCO
from tests.interop.consumers import MUST
from tests.support.tracks import write_all
from tests.support.walking import HEADER, walking

FRAMES = 40
CAMERA = np.array([[600.0, 0, 320], [0, 600, 180], [0, 0, 1]])  # pixels
PLACES = [(5, 5), (-5, 5), (-5, -5), (5, -5)]  # m on the ground; they look at the middle, 1 m high

# The commands of docs/formats.md, with the demo's settings and without windows.
RUN = """
from pathlib import Path
import Pose2Sim, rtoml
from Pose2Sim import Pose2Sim as p
c = rtoml.load(Path(Pose2Sim.__file__).parent / "Demo_SinglePerson" / "Config.toml")
c["project"].update(frame_rate=30, frame_range="all")
c["pose"]["pose_model"] = "COCO"
c["triangulation"]["show_interp_indices"] = False
c["filtering"].update(display_figures=False, save_filt_plots=False)
Path("Config.toml").write_text(rtoml.dumps(c))
p.personAssociation(c); p.triangulation(c); p.filtering(c)
"""


def interpreter():
    """Of the environment that Pose2Sim is installed in."""
    found = os.environ.get("POSE2SIM_PYTHON")
    if found is None:
        if MUST:
            pytest.fail("set POSE2SIM_PYTHON")
        pytest.skip("set POSE2SIM_PYTHON to the Python that has pose2sim")
    return found


def in_space():
    """(T, 17, 3) m, z up: a person of 1.4 m to the shoulders who walks 1 m along x."""
    people = np.array([r.poses.raw_xy[1] for r in walking(FRAMES)])  # raw: nothing is hidden
    height = (300 - people[..., 1]) * 0.014
    forward = np.linspace(-0.5, 0.5, FRAMES)[:, None] + (people[..., 0] - people[:, :1, 0]) * 0.014
    side = [
        0.2 if n.startswith("left") else -0.2 if n.startswith("right") else 0 for n in COCO.names
    ]
    return np.stack([forward, np.broadcast_to(side, forward.shape), height], axis=2)


def turned(place):
    """The rotation from the world to a camera that looks at the middle, x right and y down."""
    back = np.array([*place, 1.6]) - (0, 0, 1)
    z = -back / np.linalg.norm(back)
    x = np.cross(z, (0, 0, 1))
    x /= np.linalg.norm(x)
    return np.array([x, np.cross(z, x), z])


def film(folder, points):
    """The calibration and the OpenPose files of all cameras."""
    (folder / "calibration").mkdir()
    text = ""
    for number, place in enumerate(PLACES, 1):
        turn = turned(place)
        shift = -turn @ np.array([*place, 1.6])
        seen = (points @ turn.T + shift) @ CAMERA.T
        xy = (seen[..., :2] / seen[..., 2:]).astype(np.float32)
        rotation = cv2.Rodrigues(turn)[0].ravel().tolist()
        text += (
            f'[cam{number}]\nname = "cam{number}"\nsize = [640.0, 360.0]\n'
            f"matrix = {CAMERA.tolist()}\ndistortions = [0.0, 0.0, 0.0, 0.0]\n"
            f"rotation = {rotation}\ntranslation = {shift.tolist()}\nfisheye = false\n\n"
        )
        write(folder / "pose", f"cam{number}", xy)
    (folder / "calibration" / "Calib.toml").write_text(text)


def write(folder, name, xy):
    """One camera's tracks."""
    folder.mkdir(exist_ok=True)
    results = []
    for one, places in zip(walking(FRAMES), xy, strict=True):
        poses = one.poses.take(one.poses.ids == 1)
        results.append(replace(one, poses=replace(poses, xy=places[None], raw_xy=places[None])))
    kind = FORMATS["openpose"]
    write_all([open_writer(kind, kind.path(folder, name), HEADER)], iter(results))


def test_four_cameras_become_a_c3d(tmp_path):
    python = interpreter()
    points = in_space()
    film(tmp_path, points)
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DISPLAY")}
    env |= {"MPLBACKEND": "agg", "QT_QPA_PLATFORM": "offscreen"}
    command = [python, "-c", RUN]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = read_points(next((tmp_path / "pose-3d").glob("*.c3d")))
    assert len(found.xyz) in (FRAMES - 1, FRAMES)  # Pose2Sim 0.10.49 leaves the last one out
    scale = {"m": 1.0, "mm": 1000.0}[found.unit]
    for a, b in (("LShoulder", "LAnkle"), ("RHip", "RKnee"), ("LWrist", "RWrist")):
        length = found.xyz[20, found.labels.index(a)] - found.xyz[20, found.labels.index(b)]
        long = {"L": "left_", "R": "right_"}
        first, second = (COCO.names.index(long[n[0]] + n[1:].lower()) for n in (a, b))
        wanted = np.linalg.norm(points[20, first] - points[20, second])
        assert np.linalg.norm(length) / scale == pytest.approx(wanted, abs=0.01)
