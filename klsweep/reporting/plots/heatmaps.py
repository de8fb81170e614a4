"""Active units over latent size and weight: where the code is used and where it collapses."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from klsweep.reporting import numbers
from klsweep.reporting.plots import canvas, grids
from klsweep.reporting.plots.axis import BETA_LABEL, LABEL
from klsweep.reporting.plots.grids import Grid
from klsweep.reporting.plots.weights import is_lowest

CELL_WIDTH, CELL_HEIGHT = 0.5, 0.34  # inches: room for four characters of the small font
ANNOTATED = 20  # columns; narrower cells have no room for a number
UNITS = {"beta_norm": LABEL, "beta": BETA_LABEL, "weight": "raw weight (no unit)"}
"""Weight units for the columns, in order of preference."""


def active_units_heatmap(summary: pd.DataFrame) -> Figure | None:
    """Active units by latent size and weight, coloured by their share of M; None where no job has them."""
    drawn = grids.finished(summary, "active_units")
    if drawn.empty:
        return None
    unit = min(UNITS, key=lambda name: len(set(drawn[name])))
    grid = grids.grid(drawn.assign(latent_dim=1), lines=1, columns=max(1, int(14 / _width(drawn, unit))))
    more = f"No room for {grid.left_out} more panels: see summary.csv" if grid.left_out else ""
    said = "Numbers: active units, mean over seeds; white: no finished job"
    figure = canvas.paper(
        max(6.4, _width(drawn, unit) * grid.columns + 1.3),
        _height(drawn) * grid.rows,
        title="Active units by latent size and KL weight",
        foot=grids.foot(drawn, summary, said, more).replace("; intervals: 95 % over seeds", ""),
    )
    _draw(figure, grid, drawn, unit)
    return figure


def _width(drawn: pd.DataFrame, unit: str) -> float:
    return max(2.6, CELL_WIDTH * min(ANNOTATED, int(drawn[unit].nunique())) + 0.8)


def _height(drawn: pd.DataFrame) -> float:
    return max(1.1, CELL_HEIGHT * int(drawn["latent_dim"].nunique())) + 1.0


def _draw(figure: Figure, grid: Grid, drawn: pd.DataFrame, unit: str) -> None:
    places = figure.add_gridspec(grid.rows, grid.columns)
    width = figure.get_figwidth() / grid.columns - 0.9
    every = []
    for panel in grid.panels:
        axes = figure.add_subplot(places[panel.row, panel.column])
        axes.set_title(canvas.wrapped(panel.title, width), fontsize=canvas.SMALL, fontweight="bold")
        image = _cells(axes, drawn.loc[panel.points.index], unit)
        if panel.column == 0:
            axes.set_ylabel("latent size M")
        if is_lowest(panel, grid):
            axes.set_xlabel(UNITS[unit])
        every.append(axes)
    bar = figure.colorbar(image, ax=every, fraction=0.04, pad=0.02, aspect=12)
    bar.set_label("active units / M")


def _cells(axes: Axes, points: pd.DataFrame, unit: str) -> AxesImage:
    table = points.pivot_table(index="latent_dim", columns=unit, values="active_units", aggfunc="mean")
    active = table.to_numpy(dtype=float)
    share = active / table.index.to_numpy(dtype=float)[:, None]
    image = axes.imshow(share, origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=1)
    texts = numbers.distinct(float(value) for value in table.columns)
    shown = max(1, -(-len(table.columns) // ANNOTATED))
    labels = [texts[float(value)] if place % shown == 0 else "" for place, value in enumerate(table.columns)]
    slanted = max(map(len, labels)) * 0.64 * canvas.SMALL > CELL_WIDTH * 72
    axes.set_xticks(
        range(len(labels)), labels, rotation=45 if slanted else 0, ha="right" if slanted else "center"
    )
    axes.set_yticks(range(len(table.index)), [str(int(size)) for size in table.index])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if len(labels) <= ANNOTATED:
        _annotate(axes, active, share)
    return image


def _annotate(axes: Axes, active: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", share: object) -> None:
    shares = np.asarray(share)
    for row, column in np.argwhere(np.isfinite(active)):
        value = active[row, column]
        text = f"{value:.0f}" if value == round(value) or value >= 99.95 else f"{value:.1f}"
        colour = "black" if shares[row, column] > 0.6 else "white"  # viridis is light from about 0.6 on
        axes.text(column, row, text, ha="center", va="center", fontsize=canvas.SMALL, color=colour)
