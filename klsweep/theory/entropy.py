"""What is known of a Bernoulli likelihood without a closed form: the ends between which its distortion lies."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

CHUNK = 2**21  # values at once


def entropy_floor_nats(x: NDArray[Any]) -> float:
    """The cross-entropy that no model of grey x [n, ...] in [0, 1] gets below: the mean of their own entropy.

    Each value counts as the probability of a one; for data that are 0 or 1 it is 0.
    """
    return sum(float(_binary_entropy(chunk).sum()) for chunk in _chunks(x)) / len(x)


def collapsed_nats(x: NDArray[Any]) -> float:
    """The cross-entropy of the best model that codes nothing, the mean of x [n, ...] for every datum."""
    return float(_binary_entropy(x.reshape(len(x), -1).mean(0, dtype=np.float64)).sum())


def _binary_entropy(p: NDArray[Any]) -> NDArray[np.float64]:
    entropy: NDArray[np.float64] = special.entr(p) + special.entr(1 - p)
    return entropy


def _chunks(x: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    flat = x.reshape(-1)
    for low in range(0, len(flat), CHUNK):
        yield flat[low : low + CHUNK].astype(np.float64)
