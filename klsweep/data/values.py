"""The values of a data set, each with how often it occurs: what the rules between likelihood and data ask about."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from klsweep.data.split import Array, Rows

WHITEST = 255  # of an 8-bit picture
PIECE = (
    2**18
)  # values looked at together: little enough for the cache, enough to make a loop over pieces cheap

Numbers: TypeAlias = NDArray[np.float64]
Pieces: TypeAlias = tuple[tuple[NDArray[Any], NDArray[np.int64] | None], ...]
"""Pairs of values [k] and how often each occurs [k]; None for once."""

COINS: Pieces = ((np.array([0.0, 1.0]), None),)
"""What binarised data are made of. In which shares is not known before they are drawn."""


@dataclass(frozen=True)
class Values:
    """Values of data of `input_dim` dimensions; `read` brings them, once, when the first question is asked."""

    input_dim: int
    read: Callable[[], Pieces]

    @cached_property
    def pieces(self) -> Pieces:
        """The values, in pieces."""
        return self.read()

    def mean(self, of: Callable[[Numbers], NDArray[Any]]) -> float:
        """The average of `of(value)` over all values."""
        total, number = 0.0, 0
        for values, times in self.pieces:
            each = of(values.astype(np.float64))
            total += float(each.sum(dtype=np.float64) if times is None else each @ times)
            number += len(values) if times is None else int(times.sum())
        return total / number

    def largest(self, of: Callable[[Numbers], Numbers]) -> float:
        """The largest `of(value)`."""
        return max(float(of(values.astype(np.float64)).max()) for values, _ in self.pieces)

    def distinct(self, at_most: int) -> Numbers | None:
        """The different values in ascending order, None where there are more than `at_most`."""
        found = np.empty(0)
        for values, _ in self.pieces:
            found = np.union1d(found, values)
            if len(found) > at_most:
                return None
        return found


def pieces_of(*splits: Array) -> Pieces:
    """All values of the splits [n, *input_shape]."""
    return tuple(
        (flat[start : start + PIECE], None)
        for flat in (split.reshape(-1) for split in splits)
        for start in range(0, len(flat), PIECE)
    )


def byte_pieces(images: NDArray[np.uint8], rows: Rows) -> Pieces:
    """The values byte / 255 of some rows of images [n, ...], counted without making floats of them."""
    step = max(1, PIECE // images[0].size)
    counts = np.zeros(WHITEST + 1, np.int64)
    for start in range(0, len(rows), step):
        counts += np.bincount(images[rows[start : start + step]].reshape(-1), minlength=WHITEST + 1)
    return _levels(counts)


def counted(split: Array) -> Pieces | None:
    """The values of a split counted by their levels, if all of them are byte / 255; None where one is not."""
    counts = np.zeros(WHITEST + 1, np.int64)
    for values, _ in pieces_of(split):
        if values.min() < 0 or values.max() > 1:
            return None
        level = np.rint(values * WHITEST)
        if not np.array_equal(level / np.float32(WHITEST), values):
            return None
        counts += np.bincount(level.astype(np.uint8), minlength=WHITEST + 1)
    return _levels(counts)


def _levels(counts: NDArray[np.int64]) -> Pieces:
    level = np.flatnonzero(counts)
    return ((level.astype(np.float32) / np.float32(WHITEST), counts[level]),)
