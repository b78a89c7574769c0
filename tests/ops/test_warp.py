"""Images come into the network's input byte for byte as OpenCV would bring them."""

import cv2
import numpy as np
import pytest
import torch

from engine.geometry import fit
from gpu_ops.cpu import normalised_bytes
from tests.support.by_hand import warp_by_hand
from tests.support.emulated_device import emulated
from tests.support.emulation import need_compiler

SHAPES = [(64, 43), (43, 64), (61, 37), (200, 130), (5, 3)]  # image (w, h)


def image_of(rng, w, h):
    return rng.integers(0, 256, (h, w, 3), np.uint8)


def normalised(images):
    """(B, 3, H, W) float32 from (B, H, W, 3) bytes."""
    table = normalised_bytes()[0]
    values = np.stack([table[..., c][images[..., c]] for c in range(3)], axis=1)
    return torch.from_numpy(values)


def warped(device, images, affines, size, mirror=False):
    with device.lane() as lane:
        return lane.warp(images, affines, size, mirror=mirror).float().cpu()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fitted_image_equals_opencv_byte_for_byte(device, shape):
    image = image_of(np.random.default_rng(1), *shape)
    placed = fit(shape, 64)
    got = warped(device, [image], [placed.affine_at()], placed.size)
    wanted = cv2.warpAffine(image, placed.affine_at(), placed.size)
    assert torch.equal(got, normalised(wanted[None]))


def test_opencv_follows_the_rule_written_down_by_hand():
    rng = np.random.default_rng(2)
    image = image_of(rng, 40, 30)
    for _ in range(5):
        affine = np.array([[1.1, 0.2, -3], [-0.1, 0.9, 4]]) + rng.normal(0, 0.2, (2, 3))
        wanted = warp_by_hand(image, affine, (48, 32))
        assert np.array_equal(cv2.warpAffine(image, affine, (48, 32)), wanted)


def test_turned_and_sheared_images_equal_opencv(device):
    rng = np.random.default_rng(3)
    images = [image_of(rng, 40, 30) for _ in range(4)]
    affines = [
        np.array([[1.1, 0.2, -3], [-0.1, 0.9, 4]]) + rng.normal(0, 0.2, (2, 3)) for _ in images
    ]
    got = warped(device, images, affines, (48, 32))
    pairs = zip(images, affines, strict=True)
    wanted = np.stack([cv2.warpAffine(image, affine, (48, 32)) for image, affine in pairs])
    assert torch.equal(got, normalised(wanted))


def test_images_of_different_sizes_share_a_batch(device):
    rng = np.random.default_rng(4)
    shapes = [(64, 43), (640, 430), (66, 44)]
    images = [image_of(rng, *shape) for shape in shapes]
    fits = [fit(shape, 64) for shape in shapes]
    together = warped(device, images, [f.affine_at() for f in fits], fits[0].size)
    for row, image, placed in zip(together, images, fits, strict=True):
        assert torch.equal(row, warped(device, [image], [placed.affine_at()], placed.size)[0])


def test_mirrored_inputs_follow_the_plain_ones(device):
    rng = np.random.default_rng(5)
    images = [image_of(rng, 50, 30) for _ in range(3)]
    affines = [fit((50, 30), 64).affine_at()] * 3
    both = warped(device, images, affines, (128, 64), mirror=True)
    assert torch.equal(both[:3], warped(device, images, affines, (128, 64)))
    assert torch.equal(both[3:], both[:3].flip(3))


def test_outside_the_image_is_black_before_normalisation(device):
    white = np.full((20, 20, 3), 255, np.uint8)
    got = warped(device, [white], [np.array([[1.0, 0, 40], [0, 1, 40]])], (64, 64))
    black = normalised(np.zeros((1, 1, 1, 3), np.uint8))[0, :, 0, 0]
    assert torch.equal(got[0, :, 10, 10], black)
    assert torch.equal(got[0, :, 50, 50], normalised(white[:1, :1][None])[0, :, 0, 0])


def test_a_view_into_a_larger_frame_is_warped_like_its_copy(device):
    frame = image_of(np.random.default_rng(6), 90, 80)
    view = frame[10:50, 20:80]
    affine = fit((60, 40), 64).affine_at()
    assert torch.equal(
        warped(device, [view], [affine], (128, 64)),
        warped(device, [view.copy()], [affine], (128, 64)),
    )


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_input_is_the_rounded_float_input(precision):
    need_compiler()
    image = image_of(np.random.default_rng(7), 60, 40)
    affine = fit((60, 40), 64).affine_at()
    with emulated() as full, emulated(precision) as half, half.lane() as lane:
        got = lane.warp([image], [affine], (128, 64), mirror=True)
        wanted = warped(full, [image], [affine], (128, 64), mirror=True)
        assert got.dtype == half.dtype
        assert got.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(got, wanted.to(half.dtype))


def test_a_batch_after_a_larger_one_shows_nothing_of_it(device):
    rng = np.random.default_rng(8)
    images = [image_of(rng, 60, 40) for _ in range(5)]
    affine = fit((60, 40), 64).affine_at()
    with device.lane() as lane:
        lane.warp(images, [affine] * 5, (128, 64), mirror=False)
        got = lane.warp(images[3:], [affine] * 2, (128, 64), mirror=False)
        assert got.shape == (2, 3, 64, 128)
        assert torch.equal(got.float().cpu(), warped(device, images[3:], [affine] * 2, (128, 64)))
