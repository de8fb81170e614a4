"""One colour for each weight, and the bar that tells them."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from klsweep.reporting.plots import looks
from klsweep.reporting.plots.axis import decades, name

ZERO = "#D55E00"
"""Of a weight of 0, for which a logarithmic scale has no colour."""


class WeightColours:
    """Colours on a logarithmic scale of beta_norm."""

    def __init__(self, weights: list[float]) -> None:
        positive = [weight for weight in weights if weight > 0] or [1.0]
        low, high = min(positive), max(positive)
        norm: Normalize = LogNorm(low, high) if low < high else LogNorm(low / 2, high * 2)
        dark = mpl.colormaps["viridis"](np.linspace(0, 0.92, 256))  # its last yellows are too pale for a line
        self._mappable = ScalarMappable(norm, ListedColormap(dark))
        self._ends = (low, high)
        self._weights = sorted(set(positive))
        self.has_zero = 0.0 in weights
        self.is_one = len(set(positive)) < 2

    def of(self, weight: float) -> Any:
        """The colour of a weight."""
        return self._mappable.to_rgba(weight) if weight > 0 else ZERO  # type: ignore[arg-type]  # an array of one

    def bar(self, figure: Figure) -> Axes | None:
        """A bar for the right of the figure, which `layout.arrange` places; None where there is one weight."""
        if self.is_one:
            return None
        place = figure.add_axes((0.9, 0.1, 0.05, 0.8))
        bar = figure.colorbar(self._mappable, cax=place)
        bar.set_label(name("short"))
        bar.outline.set_visible(False)
        place.yaxis.set_major_locator(FixedLocator(self._ticks()))
        place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        place.yaxis.set_minor_locator(NullLocator())
        return place

    def _ticks(self) -> list[float]:
        """The weights themselves where they are few and far apart."""
        gaps = np.diff(np.log(self._weights)) / np.log(self._ends[1] / self._ends[0])
        return self._weights if gaps.min() > 0.3 / looks.current().panel[0] else decades(*self._ends)
