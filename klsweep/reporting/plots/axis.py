"""The weight axis: beta_norm on a logarithmic scale, with a marked break where a weight of 0 occurs."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from klsweep.reporting import numbers
from klsweep.reporting.plots import canvas

LABEL = "beta_norm = beta · M / N (no unit)"
BETA_LABEL = "beta (no unit)"
TICKS = 6  # labelled decades at most

Floats = NDArray[np.float64]


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
        names = {tick: f"{tick:g}" for tick in ticks} | ({self.zero: "0"} if self.has_zero else {})
        axes.xaxis.set_major_locator(FixedLocator(sorted(names)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: names.get(value, "")))
        axes.xaxis.set_minor_locator(NullLocator())
        if self.has_zero:
            gap = np.sqrt(self.zero * self.low)
            axes.plot([gap], [0], transform=axes.get_xaxis_transform(), clip_on=False, **BREAK)

    def draw_beta(self, axes: Axes, points: pd.DataFrame, *, label: bool) -> None:
        """A second axis in beta on top, where one factor turns beta_norm into beta for all points."""
        known = points[points["beta_norm"] > 0]
        factors = (known["beta"] / known["beta_norm"]).to_numpy(dtype=float)
        if not len(factors) or np.ptp(factors) > 1e-6 * factors[0]:
            return
        factor = float(factors[0])
        scalings: Any = (lambda x: x * factor, lambda x: x / factor)
        above = axes.secondary_xaxis("top", functions=scalings)
        ticks = decades(self.low * factor, self.high * factor)
        above.xaxis.set_major_locator(FixedLocator(ticks))
        above.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        above.xaxis.set_minor_locator(NullLocator())
        above.tick_params(colors="#666666", pad=1)
        above.spines["top"].set_color("#BBBBBB")
        if label:
            above.set_xlabel(BETA_LABEL, color="#666666", labelpad=3, fontsize=canvas.SMALL)


BREAK: Any = {
    "marker": [(-1, -1.6), (1, 1.6)],
    "markersize": 9,
    "color": "black",
    "markeredgewidth": 1,
    "linestyle": "none",
}


def decades(low: float, high: float) -> list[float]:
    """Powers of ten within the range, thinned to `TICKS`; where there are fewer than two, the ends of the range."""
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    step = max(1, -(-(last - first + 1) // TICKS))
    found = [10.0**power for power in range(first, last + 1, step)]
    if len(found) >= 2:
        return found
    return sorted({float(numbers.significant(low)), float(numbers.significant(high))})
