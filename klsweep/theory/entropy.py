"""What is known of a Bernoulli likelihood without a closed form: the ends between which its distortion lies."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from klsweep.data.values import Values, pieces_of
from klsweep.vae.likelihoods.unit_interval import binary_entropy, entropy_nats


def entropy_floor_nats(x: NDArray[Any]) -> float:
    """The cross-entropy that no model of grey x [n, ...] in [0, 1] gets below: the mean of their own entropy.

    Each value counts as the probability of a one; for data that are 0 or 1 it is 0.
    """
    return entropy_nats(Values(x[0].size, lambda: pieces_of(x)))


def collapsed_nats(x: NDArray[Any]) -> float:
    """The cross-entropy of the best model that codes nothing, the mean of x [n, ...] for every datum."""
    return float(binary_entropy(x.reshape(len(x), -1).mean(0, dtype=np.float64)).sum())
