"""A bootstrap over seeds that is honest for the few seeds a sweep has.

A seed is resampled whole, with its values at every weight, so differences between weights stay paired. Percentiles of
a plain bootstrap never leave the range of the seeds: of three they hold the mean in 3 cases of 4, at whatever level
they are called. So the deviations of the resampled mean curves are widened by sqrt(n / (n - 1)) * t / z, after which
the percentiles of a mean are Student's t interval but for the shape of the seeds' scatter. (Hesterberg 2015, "What
teachers should know about the bootstrap", expands the percentiles by the same factor; of three seeds there is nothing
to expand them to.)
"""

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy import special

LEVEL = 0.95
LEAST_SEEDS = 3
"""Fewer have no interval: one shows no scatter, two show it with one degree of freedom."""

EXACT_SEEDS = 6  # up to so many, every resample there is: 462 of 6
DRAWN = 1000  # resamples of more seeds: the 25th from either end is the limit
SEED = 0  # of the generator that draws them: the same table has the same intervals

Floats = NDArray[np.float64]
Counts = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each seed is in each resample, [resample, seed], and how probable each resample is."""

    counts: Floats
    probability: Floats

    def limits(self, low: Floats, high: Floats) -> tuple[float, float]:
        """The 2.5 % point of `low` and the 97.5 % point of `high`, one of each per resample."""
        tail = (1 - LEVEL) / 2
        return self._point(low, tail), -self._point(-high, tail)

    def _point(self, values: Floats, tail: float) -> float:
        """The largest value below which there is no more than `tail` of the probability."""
        order = np.argsort(values, kind="stable")
        below = np.cumsum(self.probability[order])
        place = int(np.searchsorted(below, tail + 1e-9, side="right"))  # 1e-9: the rounding of the sum
        return float(values[order][min(place, len(values) - 1)])


@cache
def resamples(seeds: int) -> Resamples:
    """All resamples of so many seeds with their probabilities; of more than `EXACT_SEEDS`, `DRAWN` drawn ones."""
    if seeds > EXACT_SEEDS:
        drawn = np.random.default_rng(SEED).multinomial(seeds, [1 / seeds] * seeds, size=DRAWN)
        return Resamples(drawn.astype(float), np.full(DRAWN, 1 / DRAWN))
    chosen = combinations_with_replacement(range(seeds), seeds)
    counts = np.array([np.bincount(each, minlength=seeds) for each in chosen], dtype=float)
    ways = math.factorial(seeds) / special.factorial(counts).prod(axis=1)  # multinomial coefficients
    return Resamples(counts, ways / ways.sum())


def widening(seeds: int) -> float:
    """sqrt(n / (n - 1)) t(0.975, n - 1) / z(0.975): from the scatter of a resampled mean to Student's; n >= 2."""
    tail = (1 + LEVEL) / 2
    return float(math.sqrt(seeds / (seeds - 1)) * special.stdtrit(seeds - 1, tail) / special.ndtri(tail))


def mean_curves(values: Floats, present: Counts) -> tuple[Floats, Resamples]:
    """Resampled mean curves [resample, weight, ...] of `values` [seed, weight, ...], their deviations widened.

    `present` [weight] says how many seeds are really there; the others were filled in, and a mean over k of n seeds
    scatters n / k times as much as its filled column shows. Two seeds at least.
    """
    seeds = len(values)
    chosen = resamples(seeds)
    mean = values.mean(axis=0)
    moved = np.tensordot(chosen.counts / seeds, values - mean, axes=1)
    factor = np.array([seeds / k * widening(max(int(k), 2)) for k in present])
    return mean + factor.reshape(-1, *[1] * (values.ndim - 2)) * moved, chosen
