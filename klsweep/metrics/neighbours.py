"""Two samples compared point by point: precision, recall, density, coverage, and the squared MMD.

All take squared Euclidean distances: `real` [n, n] and `fake` [m, m] within the samples, `cross` [n, m] between.
"""

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.float64]

SLACK = 1e-12  # of the largest distance: |a|^2 + |b|^2 - 2ab rounds by some eps |a|^2, and equal points must be equal


def precision_recall_density_coverage(
    real: Distances, fake: Distances, cross: Distances, *, k: int
) -> tuple[float, float, float, float]:
    """Shares of points in the other sample's balls, which reach to each point's k-th neighbour in its own sample.

    Precision and recall: Kynkäänniemi et al. 2019, eq. 1 and 2; density and coverage: Naeem et al. 2020. Balls are
    closed, so that data with few distinct values, whose radii can be 0, are within their own.
    """
    slack = SLACK * max(real.max(), fake.max(), cross.max())
    in_real = cross <= _radii(real, k)[:, None] + slack
    in_fake = cross <= _radii(fake, k)[None, :] + slack
    return (
        float(in_real.any(axis=0).mean()),
        float(in_fake.any(axis=1).mean()),
        float(in_real.sum(axis=0).mean() / k),
        float(in_real.any(axis=1).mean()),
    )


def mmd_squared(real: Distances, fake: Distances, cross: Distances, *, bandwidth_squared: float) -> float:
    """Unbiased squared MMD (Gretton et al. 2012, lemma 6) under exp(-d^2 / (2 bandwidth^2)); it can be below 0."""

    def kernel(squared: Distances) -> Distances:
        return np.asarray(np.exp(-squared / (2 * bandwidth_squared)))

    return float(_off_diagonal(kernel(real)) + _off_diagonal(kernel(fake)) - 2 * kernel(cross).mean())


def _radii(within: Distances, k: int) -> Distances:
    """The squared distance of each point to its k-th nearest other point. [n]."""
    others = within.copy()
    np.fill_diagonal(others, np.inf)
    return np.asarray(np.partition(others, k - 1, axis=1)[:, k - 1])


def _off_diagonal(values: Distances) -> float:
    """The mean over pairs of different points."""
    n = len(values)
    return float((values.sum() - np.trace(values)) / (n * (n - 1)))
