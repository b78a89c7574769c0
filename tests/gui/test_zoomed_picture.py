"""Of an enlarged picture only what is seen is put down, and that as the whole would be."""

import numpy as np
import pytest
from PyQt6.QtCore import QPointF, QRectF
from PyQt6.QtGui import QImage, QPainter

from app.gui.tile import _paint_seen

AREA = QRectF(10, 20, 300, 200)


@pytest.fixture
def picture(qapp):
    """Soft colours without two places alike."""
    y, x = np.mgrid[0:90, 0:160]
    pixels = np.stack((x * 1.5, y * 2.5, 120 + 60 * np.sin(x / 9) * np.cos(y / 7)), axis=2)
    pixels = np.ascontiguousarray(pixels.astype(np.uint8))
    return QImage(pixels.data, 160, 90, 480, QImage.Format.Format_RGB888).copy()


def painted(draw):
    canvas = QImage(330, 240, QImage.Format.Format_RGB32)
    canvas.fill(0)
    painter = QPainter(canvas)
    painter.setClipRect(AREA)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    draw(painter)
    painter.end()
    data = canvas.constBits().asarray(canvas.sizeInBytes())
    return np.frombuffer(data, np.uint8).reshape(240, 330, 4)[..., :3].astype(int)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    "place",
    [QRectF(-150, -60, 960, 540), QRectF(10, 40, 300, 168.75), QRectF(-700.3, 5.2, 1011, 568.7)],
    ids=["inside", "fits", "corner"],
)
def test_what_is_seen_is_what_the_whole_picture_would_show(picture, place, mirrored):
    whole = picture.mirrored(True, False) if mirrored else picture
    wanted = painted(lambda painter: painter.drawImage(place, whole))
    got = painted(lambda painter: _paint_seen(painter, picture, place, AREA, mirrored=mirrored))
    assert wanted.any()
    away = np.abs(got - wanted)
    assert away.mean() < 0.5
    assert away.max() <= 12


def test_a_picture_that_was_moved_out_of_sight_is_not_painted(picture):
    place = QRectF(QPointF(400, 300), picture.size().toSizeF())
    assert not painted(lambda p: _paint_seen(p, picture, place, AREA, mirrored=False)).any()
