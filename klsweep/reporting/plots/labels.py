"""Labels that look for room: next to a point or on a line, and rather left out than printed over something."""

import itertools

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from klsweep.reporting.plots import canvas

Box = tuple[float, float, float, float]  # left, bottom, right, top in points

OFFSETS = ((1, 0.7), (1, -0.7), (-1, 0.7), (-1, -0.7), (0, 1.3), (0, -1.3), (1.5, 0), (-1.5, 0))
"""Where to try, in text heights from the point, best first."""

NEIGHBOUR = 16.0  # points: nearer than this, two points share a label of the same text

MARKER = 3.5  # points, half the size of a point's sign


class Placer:
    """The taken places of one pair of axes whose position on the paper is final."""

    def __init__(self, axes: Axes) -> None:
        self._axes = axes
        self._taken: list[Box] = []
        self._said: dict[str, list[tuple[float, float]]] = {}
        self._scale = 72 / axes.get_figure(root=True).dpi  # type: ignore[union-attr]  # points per pixel

    def keep_clear(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """No label on these points nor on the line through them."""
        places = self._points(x, y)
        for start, end in itertools.pairwise(places):
            steps = max(1, int(np.hypot(*(end - start)) // 4))
            for share in np.linspace(0, 1, steps, endpoint=False)[1:]:
                left, bottom = start + share * (end - start)
                self._taken.append((left - 0.5, bottom - 0.5, left + 0.5, bottom + 0.5))
        self._taken += [(a - MARKER, b - MARKER, a + MARKER, b + MARKER) for a, b in places]

    def beside(self, x: float, y: float, text: str, colour: str) -> None:
        """A label next to a point, unless there is no room or a neighbour already says the same."""
        ((a, b),) = self._points(np.array([x]), np.array([y]))
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
        ((a, b),) = self._points(np.array([x]), np.array([y]))
        return self._write(text, (a, b), colour)

    def _write(self, text: str, centre: tuple[float, float], colour: str) -> bool:
        width, height = _size(text)
        (a, b), frame = centre, self._axes.get_window_extent()
        box = (a - width / 2, b - height / 2, a + width / 2, b + height / 2)
        edges = [edge * self._scale for edge in (frame.x0, frame.y0, frame.x1, frame.y1)]
        within = box[0] > edges[0] and box[1] > edges[1] and box[2] < edges[2] and box[3] < edges[3]
        if not within or any(_meet(box, other) for other in self._taken):
            return False
        self._taken.append(box)
        x, y = self._axes.transData.inverted().transform((a / self._scale, b / self._scale))
        self._axes.annotate(
            text,
            (x, y),
            ha="center",
            va="center",
            fontsize=canvas.SMALL,
            color=colour,
            backgroundcolor="none",
        ).set_in_layout(False)
        return True

    def _points(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._axes.transData.transform(np.column_stack([x, y])) * self._scale
        return found


def _size(text: str) -> tuple[float, float]:
    """Width and height in points: DejaVu Sans digits are 0.64 em wide."""
    return 0.64 * canvas.SMALL * len(text), 1.1 * canvas.SMALL


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
