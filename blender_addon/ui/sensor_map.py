"""A map of the face with a dot for each sensor, as an icon of the panel."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

SIZE = 128
COLOURS = {
    "ok": (0.35, 0.85, 0.40),
    "poor": (0.98, 0.75, 0.20),
    "away": (0.95, 0.30, 0.25),
    "none": (0.45, 0.45, 0.47),
    "touch": (0.35, 0.65, 1.0),
}
_SKIN, _LINE = np.array([0.62, 0.60, 0.58]), np.array([0.30, 0.29, 0.29])
_TOP_MM, _HEIGHT_MM = 106.0, 198.0  # head frame, +y up; the face fills the image


def render_map(positions_mm: np.ndarray, states: list[str], size: int = SIZE) -> np.ndarray:
    """Return RGBA (size, size, 4), float32, rows from the bottom as in Blender; the performer's left is on the right.

    Parameters
    ----------
    positions_mm : (S, 3) array
        Sites in the head frame.
    states : list of str
        State of each site, a key of COLOURS.
    size : int
        Width and height in pixels.
    """
    image = _face_image(size).copy()
    scale = _HEIGHT_MM / size
    for position, state in zip(positions_mm, states):
        column, row = np.clip(position[0], -80, 80) / scale + size / 2, (position[1] - _TOP_MM + _HEIGHT_MM) / scale
        window = (slice(max(int(row) - 9, 0), int(row) + 10), slice(max(int(column) - 9, 0), int(column) + 10))
        rows, columns = np.mgrid[window]
        distance = np.hypot(columns + 0.5 - column, rows + 0.5 - row) * scale
        _paint(image[window], distance - 8.5, (0.1, 0.1, 0.1), scale=scale)
        _paint(image[window], distance - 7.0, COLOURS.get(state, COLOURS["none"]), scale=scale)
    return image


def _paint(image: np.ndarray, distance: np.ndarray, colour: Any, *, scale: float, alpha: float = 1.0) -> None:
    """Paint where a signed distance (mm) is negative, with an antialiased edge."""
    coverage = (np.clip(0.5 - distance / scale, 0, 1) * alpha)[..., None]
    image[..., :3] = image[..., :3] * (1 - coverage) + np.asarray(colour) * coverage
    image[..., 3:] = image[..., 3:] + (1 - image[..., 3:]) * coverage


@lru_cache(maxsize=1)
def _face_image(size: int) -> np.ndarray:
    """Return the face without dots."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    scale = _HEIGHT_MM / size
    x, y = (columns - size / 2 + 0.5) * scale, _TOP_MM - _HEIGHT_MM + (rows + 0.5) * scale
    image = np.zeros((size, size, 4), dtype=np.float32)
    jaw_taper = np.where(y < 0, 1 - 0.30 * np.clip(-y / 90, 0, 1) ** 1.6, 1.0)
    _paint(image, np.hypot((np.abs(x) - 72) / 9, (y - 2) / 20) * 15 - 15, _SKIN * 0.82, scale=scale)
    _paint(image, (np.hypot(x / (70 * jaw_taper), (y - 8) / 94) - 1) * 80, _SKIN, scale=scale)
    for side in (-1, 1):
        _paint(image, np.abs(np.hypot((x - side * 30) / 14, (y - 16) / 6) - 1) * 7 - 1.2, _LINE, scale=scale)
        _paint(image, np.hypot(x - side * 30, y - 16) - 3.5, _LINE, scale=scale)
        brow = np.abs(y - 35 + 0.010 * (x - side * 32) ** 2) + np.clip(np.abs(x - side * 32) - 16, 0, None)
        _paint(image, brow - 2.0, _LINE, scale=scale)
    _paint(
        image,
        np.maximum(np.abs(np.abs(x) - 8 + 0.10 * (y + 20)) - 1.0, np.abs(y + 6) - 15),
        _LINE,
        scale=scale,
        alpha=0.6,
    )
    _paint(image, np.abs(y + 42 - 0.004 * x**2) + np.clip(np.abs(x) - 23, 0, None) - 1.6, _LINE, scale=scale)
    return image


class SensorMap:
    """The map as an icon, which is rendered again only where a dot has changed."""

    def __init__(self) -> None:
        self.previews: Any = None
        self.last_drawn: Any = None
        self.count = 0

    def icon(self, positions_mm: np.ndarray, states: list[str]) -> int:
        """Return the icon's ID for `template_icon`."""
        import bpy.utils.previews

        if self.previews is None:
            self.previews = bpy.utils.previews.new()
        if self.last_drawn != (states, positions_mm.tobytes()):
            self.last_drawn = (list(states), positions_mm.tobytes())
            self.previews.clear()
            self.count += 1
            preview = self.previews.new(f"face {self.count}")
            preview.image_size = (SIZE, SIZE)
            preview.image_pixels_float.foreach_set(render_map(positions_mm, states).ravel())
        return self.previews[f"face {self.count}"].icon_id

    def close(self) -> None:
        """Free the icon."""
        if self.previews is not None:
            import bpy.utils.previews

            bpy.utils.previews.remove(self.previews)
        self.previews = self.last_drawn = None


sensor_map = SensorMap()
