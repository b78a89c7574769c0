"""Slow definitions of what devices compute, used as oracles: loops, float64, no cleverness."""

from __future__ import annotations

import numpy as np

from gpu_ops.device import Groups, Placing


def warp_by_hand(image, affine, size):
    """(H, W, 3) bytes: positions rounded to 1/32 pixel, bilinear, black outside.

    OpenCV's rule: 1/1024 pixel for the two terms of a coordinate apart, then 1/32.
    """
    w, h = size
    full = np.vstack((affine, (0, 0, 1)))
    back = np.linalg.inv(full)
    out = np.zeros((h, w, 3), np.uint8)
    for y in range(h):
        for x in range(w):
            along = [round(back[i, 0] * x * 1024) for i in (0, 1)]
            across = [round((back[i, 1] * y + back[i, 2]) * 1024) for i in (0, 1)]
            u, v = ((a + b + 16) // 32 for a, b in zip(along, across, strict=True))
            total = np.zeros(3, int)
            for dy in (0, 1):
                for dx in (0, 1):
                    sx, sy = u // 32 + dx, v // 32 + dy
                    weight = (u % 32 if dx else 32 - u % 32) * (v % 32 if dy else 32 - v % 32)
                    if 0 <= sx < image.shape[1] and 0 <= sy < image.shape[0]:
                        total += weight * image[sy, sx].astype(int)
            out[y, x] = (total + 512) // 1024
    return out


def bilinear_by_hand(plane, size):
    """(h, w) -> (H, W) float64, half-pixel centres, clamped at the border."""
    h, w = plane.shape
    out = np.empty((size[1], size[0]))
    for y in range(size[1]):
        for x in range(size[0]):
            fy = max((y + 0.5) * h / size[1] - 0.5, 0)
            fx = max((x + 0.5) * w / size[0] - 0.5, 0)
            y0, x0 = int(fy), int(fx)
            y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
            down, right = fy - y0, fx - x0
            top = plane[y0, x0] * (1 - right) + plane[y0, x1] * right
            bottom = plane[y1, x0] * (1 - right) + plane[y1, x1] * right
            out[y, x] = top * (1 - down) + bottom * down
    return out


def heat_by_hand(passes, size, mirror, two_step):
    """(B, K, H, W) float64 mean over stages, then the mirrored pass, then scales."""
    means = []
    for low, high in passes:
        joints = high.shape[1]
        images = len(high) // (2 if mirror else 1)
        rows = []
        for image in range(images):
            maps = []
            for joint in range(joints):
                both = [_stages(low[image, joint], high[image, joint], size, two_step)]
                if mirror:
                    other = low[images + image, mirror[joint], :, ::-1]
                    finer = high[images + image, mirror[joint], :, ::-1]
                    both.append(_stages(other, finer, size, two_step))
                maps.append(np.mean(both, axis=0))
            rows.append(maps)
        means.append(rows)
    return np.mean(np.array(means), axis=0)


def _stages(low, high, size, two_step):
    if two_step:
        finer = (high.shape[1], high.shape[0])
        return bilinear_by_hand((bilinear_by_hand(low, finer) + high) / 2, size)
    return (bilinear_by_hand(low, size) + bilinear_by_hand(high, size)) / 2


def peaks_by_hand(heat, radius, threshold, most):
    """[(score, cell), …] of one (H, W) float32 map, best first, equal ones in raster order."""
    h, w = heat.shape
    found = []
    for y in range(h):
        for x in range(w):
            window = heat[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
            if float(heat[y, x]) > threshold and heat[y, x] == window.max():
                found.append((heat[y, x], y * w + x))
    return sorted(found, key=lambda peak: (-peak[0], peak[1]))[:most]


def joints_by_hand(heat, tags, groups: Groups, placing: Placing):
    """xy (P, K, 2), score (P, K) for maps heat (B, K, H, W), tags (B, T, K, H, W) float32."""
    people, joints = groups.cell.shape
    xy = np.zeros((people, joints, 2), np.float32)
    score = np.zeros((people, joints), np.float32)
    for person in range(people):
        for joint in range(joints):
            plane = heat[groups.image[person], joint]
            cell, counts = int(groups.cell[person, joint]), None
            if cell < 0 and placing.fill:
                own = tags[groups.image[person], :, joint]
                cell, counts = _best_cell(plane, own, groups.tag[person], placing.tolerance)
            if cell >= 0:
                y, x = divmod(cell, plane.shape[1])
                xy[person, joint] = _place(plane, y, x, placing)
                score[person, joint] = plane[y, x] if counts is None else counts
    return xy, score


def _best_cell(plane, tags, wanted, tolerance):
    sharpness = np.float32(1 / tolerance**2) if tolerance else None
    best, best_cell = -np.inf, -1
    for cell, heat in enumerate(plane.reshape(-1)):
        apart = tags.reshape(len(tags), -1)[:, cell] - wanted  # float32, as is all of this
        square = np.float32(0)
        for one in apart:
            square += one * one
        if sharpness is None:
            value = heat - np.rint(np.sqrt(square))
        else:
            left = max(np.float32(1) - square * sharpness, np.float32(0))
            value = heat * (left * left)
        if value > best:
            best, best_cell = value, cell
    counts = plane.reshape(-1)[best_cell] if sharpness is None else best
    return (best_cell, counts) if counts > 0 else (-1, None)


def _place(plane, y, x, placing):
    if not placing.adjust:
        return x + 0.5, y + 0.5
    return (
        np.float32(x + 0.5) + _shift(plane[y], x, placing.reach),
        np.float32(y + 0.5) + _shift(plane[:, x], y, placing.reach),
    )


def _shift(line, at, reach):
    before, after = (line[np.clip(at + step * max(reach, 1), 0, len(line) - 1)] for step in (-1, 1))
    if not reach:
        return np.float32(0.25 if after > before else -0.25)
    bend = 2 * line[at] - before - after
    if not bend > 0:
        return np.float32(0)
    half = np.float32(reach / 2)
    return np.clip((after - before) * half / bend, -half, half)
