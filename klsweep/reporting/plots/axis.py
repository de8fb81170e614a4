"""The weight axis: beta_norm on a logarithmic scale, with a marked break where a weight of 0 occurs."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from klsweep.reporting import numbers
from klsweep.reporting.plots import layout, looks

TICKS_PER_INCH = 2  # labelled decades at most, of a panel's width

Floats = NDArray[np.float64]


def name(unit: str) -> str:
    """What an axis in `beta_norm`, `beta` or the raw `weight` is called; `short` is beta_norm too."""
    return looks.current().words[unit]


class WeightAxis:
    """Positions on a logarithmic axis on which 0 has a place of its own, left of all others."""

    def __init__(self, weights: "pd.Series[float]") -> None:
        positive = weights[weights > 0].to_numpy(dtype=float)
        self.low = float(positive.min()) if len(positive) else 1.0
        self.high = float(positive.max()) if len(positive) else 1.0
        self.has_zero = bool((weights == 0).any())
        # About a tenth of the width, and half a decade at least, so that 0 is never taken for a neighbour.
        self.zero = self.low / max(np.sqrt(10), (self.high / self.low) ** 0.12)

    def place(self, weights: "pd.Series[float]") -> Floats:
        """Where to draw each weight."""
        values = weights.to_numpy(dtype=float)
        return np.where(values > 0, values, self.zero)

    def draw(self, axes: Axes) -> None:
        """Scale, limits, ticks and, with a 0, the break."""
        axes.set_xscale("log")
        left = self.zero if self.has_zero else self.low
        margin = max((self.high / left) ** 0.04, 1.3)
        axes.set_xlim(left / margin, self.high * margin)
        ticks = decades(self.low, self.high)
        texts = {tick: f"{tick:g}" for tick in ticks} | ({self.zero: "0"} if self.has_zero else {})
        axes.xaxis.set_major_locator(FixedLocator(sorted(texts)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: texts.get(value, "")))
        axes.xaxis.set_minor_locator(NullLocator())
        if self.has_zero:
            gap = np.sqrt(self.zero * self.low)
            axes.plot([gap], [0], transform=axes.get_xaxis_transform(), clip_on=False, **_break())

    def draw_beta(self, axes: Axes, points: pd.DataFrame, *, label: bool) -> None:
        """A second axis in beta on top, where one factor turns beta_norm into beta for all points."""
        self.draw_above(axes, points, ("beta_norm", "beta"), label=name("beta") if label else "")

    def draw_above(self, axes: Axes, points: pd.DataFrame, units: tuple[str, str], *, label: str) -> bool:
        """A second axis on top, where one factor turns the unit of this one into the other for all points."""
        own, other = units
        known = points[points[own] > 0]
        factors = (known[other] / known[own]).to_numpy(dtype=float)
        if not len(factors) or np.ptp(factors) > 1e-6 * factors[0]:
            return False
        factor = float(factors[0])
        ticks = decades(self.low * factor, self.high * factor)
        layout.second_axis(axes, {tick / factor: f"{tick:g}" for tick in ticks}, label)
        return True


def _break() -> Any:
    strokes = looks.current().strokes
    return {
        "marker": [(-1, -1.6), (1, 1.6)],
        "markersize": 9 * strokes,
        "color": "black",
        "markeredgewidth": strokes,
        "linestyle": "none",
    }


def decades(low: float, high: float) -> list[float]:
    """Powers of ten within the range, thinned where they are many; the ends of the range instead of fewer than two."""
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    most = round(TICKS_PER_INCH * looks.current().panel[0])
    step = max(1, -(-(last - first + 1) // most))
    found = [10.0**power for power in range(first, last + 1, step)]
    if len(found) >= 2:
        return found
    return sorted({float(numbers.significant(low)), float(numbers.significant(high))})
