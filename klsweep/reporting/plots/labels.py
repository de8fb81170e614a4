"""Labels that look for room: next to a point or on a line, and rather left out than printed over something."""

import itertools
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from klsweep.reporting.plots import canvas

Floats = NDArray[np.float64]

OFFSETS = ((1, 0.7), (1, -0.7), (-1, 0.7), (-1, -0.7), (0, 1.3), (0, -1.3), (1.5, 0), (-1.5, 0))
"""Where to try, in text heights from the point, best first."""

NEIGHBOUR = 16.0  # points: nearer than this, two points share a label of the same text

MARKER = 3.5  # points, half the size of a point's sign


class Placer:
    """The taken places of one pair of axes whose position on the paper is final."""

    def __init__(self, axes: Axes) -> None:
        self._axes = axes
        self._taken: Floats = np.empty((0, 4))  # [box, (left, bottom, right, top)] in points
        self._said: dict[str, list[tuple[float, float]]] = {}
        scale = 72 / axes.get_figure(root=True).dpi  # type: ignore[union-attr]  # points per pixel
        self._to_points: Any = axes.transData + Affine2D().scale(scale)
        self._frame = np.multiply(axes.get_window_extent().extents, scale)

    def keep_clear(self, x: Floats, y: Floats) -> None:
        """No label on these points nor on the line through them."""
        places = self._to_points.transform(np.column_stack([x, y]))
        between = []
        for start, end in itertools.pairwise(places):
            steps = max(1, int(np.hypot(*(end - start)) // 4))
            shares = np.linspace(0, 1, steps, endpoint=False)[1:, None]
            between.append(start + shares * (end - start))
        on_line = np.concatenate([*between, np.empty((0, 2))])
        self._taken = np.concatenate([self._taken, _around(on_line, 0.5), _around(places, MARKER)])

    def beside(self, x: float, y: float, text: str, colour: str) -> None:
        """A label next to a point, unless there is no room or a neighbour already says the same."""
        a, b = self._to_points.transform((x, y))
        if any(np.hypot(a - c, b - d) < NEIGHBOUR for c, d in self._said.get(text, ())):
            return
        width, height = _size(text)
        for right, up in OFFSETS:
            shift = right * (width / 2 + MARKER + 1) if right else 0.0
            if self._write(text, (a + shift, b + up * height), colour):
                self._said.setdefault(text, []).append((a, b))
                return

    def inside(self, x: float, y: float, text: str, colour: str) -> bool:
        """A label on a point of a line; whether there was room."""
        a, b = self._to_points.transform((x, y))
        return self._write(text, (a, b), colour)

    def _write(self, text: str, centre: tuple[float, float], colour: str) -> bool:
        half = np.divide(_size(text), 2)
        box = np.concatenate([centre - half, centre + half])
        is_inside = (box[:2] > self._frame[:2]).all() and (box[2:] < self._frame[2:]).all()
        meets = (box[:2] < self._taken[:, 2:]) & (self._taken[:, :2] < box[2:])
        if not is_inside or meets.all(axis=1).any():
            return False
        self._taken = np.concatenate([self._taken, box[None]])
        x, y = self._to_points.inverted().transform(centre)
        at = {"ha": "center", "va": "center", "fontsize": canvas.small()}
        self._axes.text(x, y, text, color=colour, **at)  # type: ignore[arg-type]
        return True


def _around(places: Floats, half: float) -> Floats:
    """Boxes around points [n, 2]; [n, 4]."""
    found: Floats = np.concatenate([places - half, places + half], axis=1)
    return found


def _size(text: str) -> tuple[float, float]:
    """Width and height in points: DejaVu Sans digits are 0.64 em wide."""
    return 0.64 * canvas.small() * len(text), 1.1 * canvas.small()
