"""Every figure of a report, each a function from a table to a figure. To add one, write it and name it here."""

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from klsweep.reporting.plots import canvas
from klsweep.reporting.plots.curves import Curve, learning_curves
from klsweep.reporting.plots.heatmaps import active_units_heatmap
from klsweep.reporting.plots.planes import rate_distortion
from klsweep.reporting.plots.weights import ACTIVE_UNITS, RATE, RECONSTRUCTION, against_weight

FIGURES: dict[str, Callable[[pd.DataFrame], Figure | None]] = {
    "reconstruction": partial(against_weight, quantity=RECONSTRUCTION),
    "rate": partial(against_weight, quantity=RATE),
    "active_units": partial(against_weight, quantity=ACTIVE_UNITS),
    "rate_distortion": rate_distortion,
    "active_units_heatmap": active_units_heatmap,
}
"""Figures of a summary, by file name."""

LEARNING_CURVES = "learning_curves"

NAMES = (*FIGURES, LEARNING_CURVES)


def draw(
    runs: pd.DataFrame, summary: pd.DataFrame, curve: Callable[[str], Curve]
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(name, bytes by file ending) of every figure for which there is something to show."""
    drawings = {name: partial(figure, summary) for name, figure in FIGURES.items()}
    drawings[LEARNING_CURVES] = partial(learning_curves, runs, curve)
    for name, drawing in drawings.items():
        with canvas.style():
            figure = drawing()
            if figure is not None:
                yield name, canvas.images(figure)
