"""What of a frame is seen on the screen, and how large: the window asks for pictures of it."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]  # (width, height)


@dataclass(frozen=True, slots=True)
class Viewport:
    """An area of the screen with a frame in it. Its pixels are those of the screen."""

    size: Size  # of the area
    zoom: float = 1.0  # 1: the whole frame fits
    middle: tuple[float, float] = (0.5, 0.5)  # of the area, as shares of the frame as it is shown
    ratio: float = 1.0  # pixels per pixel of the design, in which lines and texts are measured

    def whole(self, image: Size) -> tuple[float, float, float, float]:
        """Where the whole frame lies: left, top, width and height, from the area's corner.

        Args:
            image: size of the frame in its own pixels.
        """
        (w, h), (x, y) = self.size, self.middle
        scale = min(w / image[0], h / image[1]) * self.zoom
        wide, high = image[0] * scale, image[1] * scale
        return w / 2 - x * wide, h / 2 - y * high, wide, high

    def seen(self, image: Size) -> tuple[int, int, int, int]:
        """The pixels of the area that show something of the frame: left, top, right, bottom."""
        x, y, wide, high = self.whole(image)
        left, top = (max(round(at), 0) for at in (x, y))
        right, bottom = min(round(x + wide), self.size[0]), min(round(y + high), self.size[1])
        return left, top, max(right, left + 1), max(bottom, top + 1)
