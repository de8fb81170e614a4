"""Answers on the weight axis, each with its interval or the reason why there is none.

A place where a curve passes a level is worked out from the mean curve over seeds, and again from every widened resample
of the seeds. A place where it is largest is a set of weights: those that paired differences cannot tell from the best,
for percentiles of the place itself leave out equal weights too often. Either names the cell of the grid it lies in, so
no interval is narrower than the grid: between two weights nothing was measured.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from klsweep.reporting.verdict import bootstrap
from klsweep.reporting.verdict.bootstrap import LEAST_SEEDS, Counts, Flags, Floats
from klsweep.reporting.verdict.groups import Seen

Places = NDArray[np.intp]

LEAST_OF_A_CURVE = 3  # weights; of two, one is the best and the other the edge
HALF_A_UNIT = 0.5  # a count is next to a level that is no further from it
ROUNDED = (2 / 12) ** 0.5  # sd of a difference of two counts, each known to half a unit
LEAST_HEIGHT = 1e-9  # of a knee over the chord; less is the rounding of a straight line
LEAST_NATS = 0.1  # of rate between the ends of a curve; below, every weight has collapsed alike


class Lack(StrEnum):
    """Why the evidence is not enough."""

    SEEDS = "seeds"  # fewer than `LEAST_SEEDS` at a weight that matters, or in common with one
    BELOW = "below"  # the answer may lie below the smallest weight tried
    ABOVE = "above"  # the answer may lie above the largest weight tried
    VALIDATION = "validation"  # there are test numbers only, and they choose nothing
    UNMET = "unmet"  # no weight tried meets the goal
    SHAPE = "shape"  # the curve has no such point


@dataclass(frozen=True)
class Answer:
    """A weight, as beta_norm, with the interval it lies in.

    `low` and `high` are the 95 % interval where `is_interval`, else the neighbours on the grid; None is an open
    end. `among` are the weights tried that cannot be told from the answer, where it is one of those tried.
    """

    value: float | None
    low: float | None
    high: float | None
    is_interval: bool
    seeds: tuple[int, int]
    """Fewest and most at the weights it rests on; of a best weight the fewest in common with it."""
    split: str
    among: tuple[float, ...] = ()
    lacks: tuple[Lack, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether the evidence is there."""
        return not self.lacks

    def lacks_but(self, said: Lack) -> tuple[Lack, ...]:
        """What else is lacking."""
        return tuple(lack for lack in self.lacks if lack is not said)


def choice(found: Answer) -> Answer:
    """An answer that chooses a weight, which takes validation numbers."""
    if found.split == "validation":
        return found
    return replace(found, lacks=(*found.lacks, Lack.VALIDATION))


def best(seen: Seen, *, sign: int = 1) -> Answer:
    """The weight with the largest mean, or with `sign` -1 the smallest; one that only lies at an edge is none.

    For a curve with one peak, the peak lies between the neighbours of the best weight of a grid, wherever that is.
    """
    return _peak(seen, int((sign * seen.mean).argmax()), sign * seen.values)


def knee(rate: Seen, distortion: Seen) -> Answer:
    """The knee of the rate-distortion curve: its point furthest below the chord between its ends.

    "Kneedle" (Satopaa et al. 2011) on the curve scaled to the unit square; there the slope dD/dR is that of the
    chord, so on the optimal curve the knee is at beta = (largest - smallest D) / (largest - smallest R). It belongs to
    the range of weights tried: a wider one has another chord.
    """
    weights = np.intersect1d(rate.weights, distortion.weights)
    rate, distortion = (each.only(np.isin(each.weights, weights)) for each in (rate, distortion))
    if len(weights) < LEAST_OF_A_CURVE or len(rate.values) != len(distortion.values):
        return nothing(rate, Lack.SHAPE)
    rate = replace(rate, there=rate.there & distortion.there)
    both = np.stack([rate.values, distortion.values], axis=-1)
    of_mean = heights(both.mean(axis=0))
    if np.ptp(rate.mean) < LEAST_NATS or of_mean.max() <= LEAST_HEIGHT:
        return nothing(rate, Lack.SHAPE)
    return _peak(rate, int(of_mean.argmax()), heights(both))


def heights(curves: Floats) -> Floats:
    """How far below the chord each point lies, of curves [..., weight, (rate, distortion)]. [..., weight].

    In units of the ranges: 0 at the ends of a convex falling curve; 1 is the corner of no rate and no distortion.
    """
    low, high = curves.min(axis=-2, keepdims=True), curves.max(axis=-2, keepdims=True)
    scaled = (curves - low) / np.where(high > low, high - low, 1.0)
    found: Floats = 1 - scaled.sum(axis=-1)
    return found


def crossing(seen: Seen, level: float, *, strictly: bool = False) -> Answer:
    """Where a mean that falls with the weight passes `level`: a value between two weights tried.

    A mean that is at the level has not passed it yet; `strictly`, it has.

    The mean curve is made falling by isotonic regression, and inside a cell it is taken as straight in log weight for
    `value` alone. None where all of it is on one side: then the interval is open.
    """
    place = int(_last_above(seen.mean, level, strictly=strictly))
    first, last, is_interval = place, place, _has_interval(seen, place, place + 1)
    if len(seen.values) >= LEAST_SEEDS:
        curves, chosen = bootstrap.mean_curves(seen.values, seen.present)
        places = _last_above(curves, level, strictly=strictly).astype(float)
        first, last = _further(seen, level, _around(place, chosen.limits(places, places)))
        is_interval = _has_interval(seen, first, last + 1)
    if not is_interval:
        first = last = place
    low = float(seen.weights[first]) if first >= 0 else None
    high = float(seen.weights[last + 1]) if last + 1 < len(seen.weights) else None
    lacks = [] if is_interval else [Lack.SEEDS]
    lacks += [Lack.BELOW] if low is None else []
    lacks += [Lack.ABOVE] if high is None else []
    return Answer(
        value=_interpolated(seen, place, level),
        low=low,
        high=high,
        is_interval=is_interval,
        seeds=_seeds(seen, first, last + 1),
        split=seen.split,
        lacks=tuple(lacks),
    )


def nothing(seen: Seen, why: Lack) -> Answer:
    """No answer, and why."""
    return Answer(None, None, None, False, _seeds(seen, 0, len(seen.weights)), seen.split, (), (why,))


def _peak(seen: Seen, place: int, heights: Floats) -> Answer:
    """The answer that the largest mean is at `place`; `heights` [seed, weight] tell which others may be the largest."""
    first = last = place
    common = seen.shared(place).sum(axis=0)
    if common[place] >= LEAST_SEEDS:
        alike = np.flatnonzero(_cannot_be_told(replace(seen, values=heights), place))
        first, last = int(alike.min()), int(alike.max())
    seeds = _range(common, first - 1, last + 1)[0], _seeds(seen, first - 1, last + 1)[1]
    is_interval = seeds[0] >= LEAST_SEEDS
    if not is_interval:
        first = last = place
    # a weight of 0 is the end of the axis, so as the smallest one tried it is no open end
    low = float(seen.weights[max(first - 1, 0)]) if first > 0 or seen.weights[0] == 0 else None
    high = float(seen.weights[last + 1]) if last + 1 < len(seen.weights) else None
    lacks = [] if is_interval else [Lack.SEEDS]
    lacks += [Lack.BELOW] if low is None else []
    lacks += [Lack.ABOVE] if high is None else []
    return Answer(
        value=float(seen.weights[place]),
        low=low,
        high=high,
        is_interval=is_interval,
        seeds=seeds,
        split=seen.split,
        among=tuple(seen.weights[first : last + 1].tolist()),
        lacks=tuple(lacks),
    )


def _cannot_be_told(seen: Seen, place: int) -> Flags:
    """Which weights may have the largest mean, that at `place` among them: 95 % sets of the best (Hsu 1984).

    A weight goes where Student's t of its differences from `place`, seed by seed, says at 5 % over the number of others
    that it is smaller; so the true best goes in no more than 5 of 100 sweeps. Only seeds that are there at both weights
    make a pair, and a weight with fewer than `LEAST_SEEDS` of them stays.
    """
    others = np.arange(len(seen.weights)) != place
    shared = seen.shared(place)
    pairs = shared.sum(axis=0)
    differences = np.where(shared, seen.values[:, [place]] - seen.values, 0.0)
    mean = differences.sum(axis=0) / np.maximum(pairs, 1)
    freedom = np.maximum(pairs - 1, 1)
    sd = np.sqrt((np.where(shared, differences - mean, 0.0) ** 2).sum(axis=0) / freedom)
    sd = np.maximum(sd, ROUNDED) if seen.counts else sd
    quantile = special.stdtrit(freedom, 1 - (1 - bootstrap.LEVEL) / max(int(others.sum()), 1))
    found: Flags = mean <= quantile * sd / np.sqrt(np.maximum(pairs, 1))
    found |= ~others | (pairs < LEAST_SEEDS)
    return found


def _around(place: int, limits: tuple[float, float]) -> tuple[int, int]:
    """The limits as places, with the answer itself inside."""
    return min(round(limits[0]), place), max(round(limits[1]), place)


def _further(seen: Seen, level: float, limits: tuple[int, int]) -> tuple[int, int]:
    """One weight more on a side where few seeds agree on a count that is next to the level.

    n of them agree by chance in one case of 2^n, and that is to happen on a side in less than 2.5 % of all cases.
    """
    first, last = limits

    def rests_on_chance(place: int) -> bool:
        column = seen.values[seen.there[:, place], place]
        few = 0.5 ** int(seen.present[place]) > (1 - bootstrap.LEVEL) / 2
        return few and np.ptp(column) == 0 and abs(column[0] - level) <= HALF_A_UNIT

    if seen.counts and first > 0 and rests_on_chance(first):
        first -= 1
    if seen.counts and last + 1 < len(seen.weights) and rests_on_chance(last + 1):
        last += 1
    return first, last


def _last_above(means: Floats, level: float, *, strictly: bool = False) -> Places:
    """The last place at which the falling fit of [..., weight] is at `level` or above; -1 where it never is.

    Isotonic regression is at a level or above up to where the sum of what exceeds the level is largest: to the last
    such place, or `strictly` above it to the first.
    """
    sums = np.cumsum(means - level, axis=-1)
    sums = np.concatenate([np.zeros_like(sums[..., :1]), sums], axis=-1)
    first: Places = sums.argmax(axis=-1) - 1
    last: Places = sums.shape[-1] - 2 - sums[..., ::-1].argmax(axis=-1)
    return first if strictly else last


def _interpolated(seen: Seen, place: int, level: float) -> float | None:
    """Between `place` and the next weight, straight in log weight; None where there is no such cell."""
    if not 0 <= place < len(seen.weights) - 1 or seen.weights[place] == 0:
        return None
    fit = optimize.isotonic_regression(seen.mean, increasing=False).x
    share = (fit[place] - level) / (fit[place] - fit[place + 1])
    low, high = np.log(seen.weights[place : place + 2])
    return float(np.exp(low + share * (high - low)))


def _has_interval(seen: Seen, first: int, last: int) -> bool:
    return _seeds(seen, first, last)[0] >= LEAST_SEEDS


def _seeds(seen: Seen, first: int, last: int) -> tuple[int, int]:
    """Fewest and most seeds at the weights from place `first` to place `last`."""
    return _range(seen.present, first, last)


def _range(counts: Counts, first: int, last: int) -> tuple[int, int]:
    """The least and the most of some that stand side by side."""
    some = counts[max(first, 0) : last + 1]
    return int(some.min()), int(some.max())
