"""Rendered people: joints where the mesh is, hidden ones known, layouts from life."""

import io
import json
import tarfile
from ctypes.util import find_library
from dataclasses import replace

import cv2
import numpy as np
import pytest

from engine.skeleton import COCO
from engine.synthesis import backgrounds
from engine.synthesis.coco_layouts import layouts

pytest.importorskip("anny", reason="needs the extra synth: pip install 'posestream[synth]'")
pytest.importorskip("moderngl", reason="needs the extra synth: pip install 'posestream[synth]'")
if find_library("EGL") is None:
    pytest.skip(
        "needs libEGL to draw: apt-get install libegl1 libgl1-mesa-dri", allow_module_level=True
    )

import torch

from engine.synthesis.bodies import ANGLES, BUILD_NAMES, angles, bodies
from engine.synthesis.drawing import Light, Painter, Person, PinholeCamera
from engine.synthesis.fitting import BODY_TO_CAMERA, Placed, fit_bodies
from engine.synthesis.motions import LEFT_ANKLE, RIGHT_ANKLE, steps, walk
from engine.synthesis.renderings import as_annotated, beside, keypoints_seen
from engine.synthesis.scenes import ANNOTATIONS, FittedPeople, SceneOptions, draw_scenes
from engine.synthesis.wardrobe import random_look

CAMERA = PinholeCamera(320, 240, 300.0, (150.0, 130.0))
LIGHT = Light((0.0, -0.8, -0.6), (0.7, 0.7, 0.7), (0.5, 0.5, 0.5), (0.3, 0.3, 0.3))
NOSE, LEFT_WRIST = COCO.names.index("nose"), COCO.names.index("left_wrist")
LEFT = [i for i, name in enumerate(COCO.names) if name.startswith("left")]
RIGHT = [COCO.mirror[i] for i in LEFT]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Batches here are small: threads would mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model():
    return bodies()


@pytest.fixture(scope="module")
def painter(model):
    made = Painter(model)
    yield made
    made.close()


def usual_builds(count):
    return torch.full((count, len(BUILD_NAMES)), 0.6)


def placed(model, *poses_and_places, heading=0.0):
    """Meshes and keypoints in the camera frame of people with the given poses and places."""
    degrees = torch.from_numpy(np.stack([pose for pose, _ in poses_and_places]))
    vertices, points = model.posed(usual_builds(len(degrees)), degrees)
    cos, sin = np.cos(np.radians(heading)), np.sin(np.radians(heading))
    turn = np.float32(BODY_TO_CAMERA) @ np.float32([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    places = np.float32([place for _, place in poses_and_places])[:, None]
    return vertices.numpy() @ turn.T + places, points.numpy() @ turn.T + places


def people(meshes):
    look = replace(random_look(np.random.default_rng(0)), loose=0.0, hair_volume=0.0)
    return [Person(mesh, look) for mesh in meshes]


def random_poses(count, seed=0):
    rows = torch.tensor(list(ANGLES.values()))
    share = torch.rand(count, len(rows), generator=torch.Generator().manual_seed(seed))
    return rows[:, 0] + (rows[:, 1] - rows[:, 0]) * share


def test_keypoints_without_the_mesh_equal_those_on_the_mesh(model):
    builds = torch.rand(6, len(BUILD_NAMES), generator=torch.Generator().manual_seed(1))
    degrees = random_poses(6)
    _, on_mesh = model.posed(builds, degrees)
    torch.testing.assert_close(
        model.keypoints(model.bones(builds), degrees), on_mesh, atol=1e-4, rtol=0
    )


def test_a_marker_drawn_at_a_joint_appears_where_the_joint_projects(model, painter):
    meshes, points = placed(model, (angles(left_elbow=80, right_hip_flex=60), (0.2, -0.1, 3.0)))
    ball = meshes[0] - meshes[0].mean(0)
    ball *= 0.02 / np.linalg.norm(ball, axis=1, keepdims=True)  # a person blown up to a marble
    for joint in range(len(COCO)):
        drawing = painter.draw(people([ball + points[0, joint]]), CAMERA, LIGHT)
        rows, columns = np.nonzero(drawing.who == 0)
        at = np.asarray([columns.mean() + 0.5, rows.mean() + 0.5]) / 2
        assert np.abs(at - CAMERA.project(points[0, joint])).max() < 0.6


def test_the_persons_left_is_right_in_the_picture_when_they_face_the_camera(model):
    for heading, side in ((0.0, 1), (180.0, -1)):
        _, points = placed(model, (angles(), (0.0, 0.0, 3.0)), heading=heading)
        apart = CAMERA.project(points[0])[LEFT, 0] - CAMERA.project(points[0])[RIGHT, 0]
        assert (side * apart > 1).all()


def test_equal_angles_on_both_sides_give_a_mirrored_pose(model):
    one = {"shoulder_elevation": 70.0, "elbow": 50.0, "hip_out": 20.0}
    both = {f"{side}_{name}": value for side in ("left", "right") for name, value in one.items()}
    _, points = model.posed(usual_builds(1), torch.from_numpy(angles(**both))[None])
    mirrored = points[0, list(COCO.mirror)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(points[0], mirrored, atol=0.01, rtol=0)


def test_a_raised_left_arm_moves_the_left_wrist_above_the_nose(model):
    _, points = model.posed(
        usual_builds(1), torch.from_numpy(angles(left_shoulder_elevation=160))[None]
    )
    assert points[0, LEFT_WRIST, 2] > points[0, NOSE, 2]
    assert points[0, COCO.mirror[LEFT_WRIST], 2] < points[0, NOSE, 2]


def test_someone_in_front_hides_the_keypoints_behind_and_keeps_their_own(model, painter):
    meshes, points = placed(model, (angles(), (0.0, 0.0, 4.0)), (angles(), (0.0, 0.0, 3.0)))
    alone = painter.draw(people(meshes[:1]), CAMERA, LIGHT)
    both = painter.draw(people(meshes), CAMERA, LIGHT)
    assert (keypoints_seen(alone, CAMERA, points[0], 0)[:, 2] == 2).all()
    behind = keypoints_seen(both, CAMERA, points[0], 0)
    assert (behind[[NOSE, *LEFT[2:3], *RIGHT[2:3]], 2] == 1).all()
    assert (keypoints_seen(both, CAMERA, points[1], 1)[:, 2] == 2).all()


def test_a_face_seen_from_behind_is_hidden_and_the_shoulders_are_not(model, painter):
    meshes, points = placed(model, (angles(), (0.0, 0.0, 3.0)), heading=180.0)
    seen = keypoints_seen(painter.draw(people(meshes), CAMERA, LIGHT), CAMERA, points[0], 0)
    assert (seen[:3, 2] == 1).all()
    assert (seen[5:7, 2] == 2).all()


def test_hidden_faces_are_not_labelled_but_hidden_limbs_are():
    exact = np.float32([[10, 20, 1]] * 17)
    exact[0, 2] = 2
    labels = as_annotated(exact)
    assert (labels[0] == (10, 20, 2)).all()
    assert (labels[1:5] == 0).all()
    np.testing.assert_array_equal(labels[5:], exact[5:])


def test_joints_outside_the_picture_are_zero(model, painter):
    meshes, points = placed(model, (angles(), (0.0, 0.6, 1.5)))
    seen = keypoints_seen(painter.draw(people(meshes), CAMERA, LIGHT), CAMERA, points[0], 0)
    ankles = seen[[LEFT_ANKLE, RIGHT_ANKLE]]
    assert (ankles == 0).all()
    assert seen[NOSE, 2] == 2


def test_larger_and_smaller_pictures_in_turn_agree(model, painter):
    meshes, _ = placed(model, (angles(), (0.0, 0.0, 3.0)))
    first = painter.draw(people(meshes), CAMERA, LIGHT)
    painter.draw(people(meshes), PinholeCamera(400, 100, 90.0, (200.0, 50.0)), LIGHT)
    again = painter.draw(people(meshes), CAMERA, LIGHT)
    np.testing.assert_array_equal(first.who, again.who)
    np.testing.assert_array_equal(first.colour, again.colour)


def test_fitting_finds_a_pose_under_projected_keypoints(model):
    pose = angles(left_elbow=70, right_knee=60, right_hip_flex=50)
    _, points = placed(model, (pose, (0.3, 0.0, 4.0)), heading=40.0)
    flat = np.concatenate([points[..., :2] / points[..., 2:] * 500.0, np.full((1, 17, 1), 2)], 2)
    labels, focal = torch.from_numpy(np.float32(flat)), torch.tensor([500.0])
    started = fit_bodies(model, usual_builds(1), labels, focal, steps=2)
    found = fit_bodies(model, usual_builds(1), labels, focal, steps=80)
    assert found.error[0] < 0.04 < started.error[0]


def test_the_standing_foot_does_not_slide_while_walking(model):
    time = np.arange(40) / 25
    _, points = steps(model, np.full(6, 0.6, np.float32), walk(time), 90.0, (0.0, 5.0))
    ankles = points[:, [LEFT_ANKLE, RIGHT_ANKLE]]
    lower = ankles[1:, :, 2].argmin(1)
    moved = np.linalg.norm(np.diff(ankles[..., :2], axis=0), axis=2)[np.arange(39), lower]
    assert np.median(moved) < 0.005
    assert 0.8 < (points[-1, 0, 0] - points[0, 0, 0]) / time[-1] < 2.0  # m/s to the right


def test_the_size_of_a_labelled_image_is_read_off_its_coordinates(tmp_path):
    rng = np.random.default_rng(0)
    xy = np.column_stack([rng.integers(0, 500, 17), rng.integers(0, 333, 17)])
    row = [0, 0.5, 0.5, 0.1, 0.1, *np.column_stack([xy / (500, 333), np.full(17, 2)]).ravel()]
    text = " ".join(f"{value:.6f}" for value in row).encode()
    archive = tmp_path / "labels.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("train2017/000000000042.txt")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    (layout,) = layouts(archive)
    assert (layout.image_id, layout.width, layout.height) == (42, 500, 333)
    np.testing.assert_allclose(layout.keypoints[0, :, :2], xy, atol=1e-3)


@pytest.fixture
def photographs(tmp_path):
    """One red photograph with a person, marked green, on its left half."""
    pixels = np.zeros((120, 200, 3), np.uint8)
    pixels[..., 2] = 255
    pixels[20:110, 10:60] = (0, 255, 0)
    cv2.imwrite(str(tmp_path / "1.png"), pixels)
    content = {
        "images": [{"id": 1, "file_name": "1.png", "width": 200, "height": 120}],
        "annotations": [{"image_id": 1, "bbox": [10, 20, 50, 90]}],
    }
    (tmp_path / "photos.json").write_text(json.dumps(content))
    return backgrounds.Photographs(tmp_path, tmp_path / "photos.json")


def test_backgrounds_from_photographs_show_no_labelled_person(photographs):
    for seed in range(10):
        picture = photographs.picture(np.random.default_rng(seed), 160, 120)
        assert picture.shape == (120, 160, 3)
        assert picture[..., 1].max() < 200


def two_people():
    """Somebody who stands, and somebody behind to the right who lifts a foot."""
    return Placed(
        builds=np.full((2, 6), 0.6, np.float32),
        degrees=np.stack([angles(), angles(left_knee=50)]),
        turn=np.tile(np.float32(BODY_TO_CAMERA), (2, 1, 1)),
        place=np.float32([[-0.6, 0, 4], [0.6, 0, 5]]),
        error=np.zeros(2, np.float32),
    )


def test_somebody_moved_beside_another_stands_within_reach_and_brings_the_others():
    first, second = two_people(), two_people()
    for seed in range(10):
        moved = beside(np.random.default_rng(seed), first, second)
        apart = np.linalg.norm(moved.place[:, None] - first.place, axis=-1)
        assert 0.34 < apart.min() < 0.91
        shift = moved.place - second.place
        np.testing.assert_allclose(shift[0], shift[1], atol=1e-5)
        np.testing.assert_array_equal(second.place, two_people().place)


def test_drawn_scenes_are_a_coco_folder_that_grows_where_it_ended(model, photographs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    everyone = two_people()
    stored = {name: getattr(everyone, name) for name in Placed.__slots__}
    np.savez(
        out / "poses-000000-000.npz", image_id=[7, 7], size=np.float32([[640, 480]] * 2), **stored
    )
    poses = FittedPeople(out)
    poses.refresh()
    assert [len(group.error) for _, group in poses.groups] == [2]
    for count in (2, 3):
        draw_scenes(out, photographs, count, until=np.inf)
        content = json.loads((out / ANNOTATIONS).read_text())
        assert [image["id"] for image in content["images"]] == list(range(1, count + 1))
    sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
    assert content["annotations"]
    for annotation in content["annotations"]:
        keypoints = np.asarray(annotation["keypoints"]).reshape(17, 3)
        assert annotation["num_keypoints"] == (keypoints[:, 2] > 0).sum() > 0
        assert (keypoints[:, :2] <= sizes[annotation["image_id"]]).all()
        assert annotation["area"] <= np.prod(annotation["bbox"][2:])
    for image in content["images"]:
        pixels = cv2.imread(str(out / "images" / image["file_name"]))
        assert pixels.shape[1::-1] == sizes[image["id"]]
    other = tmp_path / "other"
    other.mkdir()
    (out / "poses-000000-000.npz").rename(other / "poses-000000-000.npz")
    draw_scenes(other, photographs, 1, np.inf, SceneOptions(seed=1, joined=0.9, close=1.0))
    first, again = (folder / "images" / "render_000001.jpg" for folder in (out, other))
    assert first.read_bytes() != again.read_bytes()
