"""Binary pictures of a square, an ellipse or a heart by scale, orientation and place: the geometry of dSprites.

Sizes are in pixels of the 64x64 canvas at scale 1. They were fitted to 320 of the published frames, so that pixels
fall in or out as they do there: of those frames' 262,144 square and 262,144 ellipse pixels all agree, and of
786,432 heart pixels all but 16, never more than 2 in a frame. Hearts of frames left out of the fit (four times, in
quarters) had 46 to 132 of the 786,432 pixels wrong, so expect up to 0.7 in a heart on average.
"""

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from klsweep.data.split import Array

Shape = Literal["square", "ellipse", "heart"]
SHAPES: tuple[Shape, ...] = ("square", "ellipse", "heart")
FACTORS = ("colour", "shape", "scale", "orientation", "x", "y")
COUNTS = (1, len(SHAPES), 6, 40, 32, 32)
"""Classes of each factor; the last orientation is a full turn, so it draws what the first does."""

CANVAS = 64
SCALES = np.linspace(0.5, 1, COUNTS[2])
TURNS = np.linspace(0, 2 * np.pi, COUNTS[3])  # radians, anticlockwise on the screen
PLACES = np.linspace(16, 48, COUNTS[4])  # of the centre, from the left and from the top

HALF_SIDE = 9.598  # of the square; the frames leave 9.5966 to 9.5998
SEMI_AXES = (12.766, 7.2123)  # of the ellipse; the frames leave 12.7654 to 12.7664, and 7.2121 to 7.2145
HEART_RADII = (
    *(5.2, 6.39, 7.45, 8.34, 9.07, 9.7, 10.18, 10.59, 10.87, 11.06, 11.18, 11.31, 11.27, 11.18, 11.09, 10.88),
    *(10.67, 10.32, 10.0, 9.61, 9.2, 8.78, 8.34, 7.93, 7.56, 7.23, 6.96, 6.71, 6.48, 6.29, 6.18, 6.06),
    *(5.96, 5.94, 5.92, 5.92, 5.94, 6.03, 6.15, 6.31, 6.48, 6.78, 7.13, 7.61, 8.25, 9.62),
)
"""Corners of the right half of the heart, a polygon, at equal angles from straight up to straight down.

The linear program of the least total overlap of pixels on the wrong side, with a margin of 0.005 pixels and a
penalty of 3 on the bend between corners; then rounded to 0.01.
"""

REACH = 14  # no shape goes further from its centre: the square's corner is at 13.6
CHUNK = 512  # pictures at once: some 3 MB for each array on the way


def draw(classes: NDArray[np.int64], side: int = CANVAS) -> Array:
    """Pictures [n, 1, side, side] in {0, 1} of `classes` [n, factor], sampled once at the centre of each pixel.

    `side` divides the canvas: the shapes then have fewer and larger pixels.
    """
    pictures = np.zeros((len(classes), 1, side, side), np.float32)
    for low in range(0, len(classes), CHUNK):
        _draw(classes[low : low + CHUNK], pictures[low : low + CHUNK, 0])
    return pictures


def _draw(classes: NDArray[np.int64], pictures: Array) -> None:
    """Set the pixels of each shape in `pictures` [n, side, side], looking only at a window about its centre."""
    pixel = CANVAS // pictures.shape[1]
    _, shape, scale, turn, x, y = classes.T
    columns, dx = _window(PLACES[x], pixel)
    rows, dy = _window(PLACES[y], pixel)
    across, down = dx[:, None, :], dy[:, :, None]
    angle, size = TURNS[turn, None, None], SCALES[scale, None, None]
    cos, sin = np.cos(angle) / size, np.sin(angle) / size
    u, v = cos * across - sin * down, sin * across + cos * down
    inside = np.empty(u.shape, bool)
    for number, holds in enumerate((_in_square, _in_ellipse, _in_heart)):
        of_shape = shape == number
        inside[of_shape] = holds(u[of_shape], v[of_shape])
    pictures[np.arange(len(classes))[:, None, None], rows[:, :, None], columns[:, None, :]] = inside


def _window(centre: NDArray[np.float64], pixel: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The pixels [n, width] within reach of each centre [n], and how far they lie from it."""
    reach = REACH // pixel
    first = np.floor(centre / pixel + 0.5).astype(np.int64) - reach
    at = first[:, None] + np.arange(2 * reach)
    return at, (at + 0.5) * pixel - centre[:, None]


def _in_square(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (np.abs(u) <= HALF_SIDE) & (np.abs(v) <= HALF_SIDE)


def _in_ellipse(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.square(u / SEMI_AXES[0]) + np.square(v / SEMI_AXES[1]) <= 1


def _in_heart(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
    """On the inner side of the edge in whose sector the point lies."""
    normals = _heart_normals()
    sector = (np.arctan2(v, np.abs(u)) / np.pi + 0.5) * len(normals)
    edge = np.minimum(sector.astype(np.int64), len(normals) - 1)
    return np.asarray(normals[edge, 0] * np.abs(u) + normals[edge, 1] * v <= 1)


@cache
def _heart_normals() -> NDArray[np.float64]:
    """For each edge of the heart's half the vector n for which n . p = 1 on the edge: [edge, 2]."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, len(HEART_RADII))
    corners = np.array(HEART_RADII)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    (x, y), (next_x, next_y) = corners[:-1].T, corners[1:].T
    return np.asarray(np.stack([next_y - y, x - next_x], 1) / (x * next_y - next_x * y)[:, None])
