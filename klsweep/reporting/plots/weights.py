"""A metric against the weight: one line per setting, its 95 % interval over seeds as a band."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from klsweep.reporting.closed_forms import NO_FORMS, THEORETICAL, ClosedForms, Floats
from klsweep.reporting.plots import canvas, grids, keys, layout, looks
from klsweep.reporting.plots.axis import WeightAxis, name
from klsweep.reporting.plots.grids import Grid, Panel


@dataclass(frozen=True)
class Quantity:
    """A column of the summary as a plot's y axis."""

    column: str
    title: str
    label: str
    of_latents: bool = False
    """Counts latents, so the axis runs from 0 to M."""


RECONSTRUCTION = Quantity(
    "distortion_nats", "Reconstruction against the KL weight", "distortion (nats per datum)"
)
RATE = Quantity("rate_nats", "Rate against the KL weight", "rate (nats per datum)")
ACTIVE_UNITS = Quantity(
    "active_units", "Active units against the KL weight", "active units (latents)", of_latents=True
)


DASHED = (
    "Dashed: closed form of the linear VAE with M latents on the covariance of these data, 0 from where beta · sigma² "
    "is the first eigenvalue"
)
STEPS = 400  # weights at which it is drawn


def against_weight(summary: pd.DataFrame, quantity: Quantity, forms: ClosedForms = NO_FORMS) -> Figure | None:
    """Small multiples of one metric; None where no finished job has it.

    With `forms`, and of active units, the closed form is drawn dashed for each latent size of a panel.
    """
    drawn = grids.finished(summary, quantity.column)
    if drawn.empty:
        return None
    grid = grids.grid(drawn)
    axis = WeightAxis(drawn["beta_norm"])
    known = [tuple(_closed(panel, axis, forms)) if quantity.of_latents else () for panel in grid.panels]
    said = DASHED if any(known) else ""
    figure = sheet(grid, title=quantity.title, foot=foot(grid, drawn, summary, said))
    for panel, axes, steps in zip(grid.panels, panels(figure, grid), known, strict=True):
        for beta_norm, units in steps:
            axes.plot(beta_norm, units, **THEORETICAL)
        for line in panel.lines:
            signs = marks(line.style, len(grid.legend))
            draw_line(axes, axis, line.points, quantity=quantity, signs=signs)
        _frame(axes, panel, grid, quantity)
        axis.draw(axes)
        axis.draw_beta(axes, panel.points, label=panel.row == 0)
        limit(axes, panel.points, grid.of_scale[panel.scale], quantity)
    legend(figure, grid)
    layout.arrange(figure)
    return figure


def _closed(panel: Panel, axis: WeightAxis, forms: ClosedForms) -> Iterator[tuple[Floats, Floats]]:
    """(beta_norm, active units) for each latent size whose variance is fixed: theta is a multiple of beta_norm."""
    points = panel.points
    points = points[(points["beta_norm"] > 0) & (points["objective"] == "elbo") & points["theta"].notna()]
    points = points[points["fitted_sigma2"].isna()] if "fitted_sigma2" in points else points
    for (dataset, size), own in points.groupby(["dataset", "latent_dim"]):
        factors = (own["theta"] / own["beta_norm"]).to_numpy(dtype=float)
        if np.ptp(factors) <= 1e-6 * factors[0]:
            beta_norm = np.geomspace(axis.low, axis.high, STEPS)
            units = forms.active_units(str(dataset), factors[0] * beta_norm, latent_dim=int(str(size)))
            if units is not None:
                yield beta_norm, units


def sheet(grid: Grid, *, title: str, foot: str) -> Figure:
    """Paper with room for the grid's panels."""
    look = looks.current()
    width, height = look.wide(look.panel[0] * grid.columns), look.panel[1] * grid.rows
    if len(grid.panels) == 1:
        width, height = look.alone
    return canvas.paper(width, height, title=title, foot=foot, key=keys.height(grid.legend, width))


def panels(figure: Figure, grid: Grid) -> list[Axes]:
    """Axes for every panel of the grid, with its title."""
    places = figure.add_gridspec(grid.rows, grid.columns)
    found = []
    for panel in grid.panels:
        axes = figure.add_subplot(places[panel.row, panel.column])
        axes.set_title(panel.title)
        found.append(axes)
    return found


def marks(style: int, styles: int) -> dict[str, object]:
    """Colour, marker and dashes of a line: three signs that say the same.

    Later lines are drawn over earlier ones and are thinner, so that lines which coincide can all be seen.
    """
    thicker, strokes = min(4, max(0, styles - 1 - style)), looks.current().strokes
    return {
        "markersize": strokes * (4.0 + 1.2 * thicker),
        "linewidth": strokes * (1.3 + 0.6 * thicker),
        "color": canvas.COLOURS[style % len(canvas.COLOURS)],
        "marker": canvas.MARKERS[style % len(canvas.MARKERS)],
        "linestyle": canvas.DASHES[style % len(canvas.DASHES)],
    }


def legend(figure: Figure, grid: Grid) -> None:
    """One key for all panels, below them."""
    signs = [marks(style, len(grid.legend)) for style in range(len(grid.legend))]
    keys.draw(figure, {label: Line2D([], [], **each) for label, each in zip(grid.legend, signs, strict=True)})  # type: ignore[arg-type]


def foot(grid: Grid, drawn: pd.DataFrame, whole: pd.DataFrame, *said: str) -> str:
    """What is constant, n, and what is not drawn."""
    more = f"No room for {grid.left_out} more lines: see summary.csv" if grid.left_out else ""
    return grids.foot(drawn, whole, *said, more)


def is_lowest(panel: Panel, grid: Grid) -> bool:
    """Whether no panel stands below this one."""
    return not any(other.column == panel.column and other.row > panel.row for other in grid.panels)


def draw_line(
    axes: Axes,
    axis: WeightAxis,
    points: pd.DataFrame,
    *,
    quantity: Quantity,
    signs: dict[str, object],
    unit: str = "beta_norm",
) -> None:
    """Means joined over the weights in `unit`, with their intervals as a band; a weight of 0 stands alone."""
    x = axis.place(points[unit])
    y = points[quantity.column].to_numpy(dtype=float)
    half_width = points[f"{quantity.column}_ci95"].to_numpy(dtype=float)
    positive = points[unit].to_numpy(dtype=float) > 0
    colour = str(signs["color"])
    if positive.any():
        axes.plot(x[positive], y[positive], **signs)  # type: ignore[arg-type]
        _band(axes, x[positive], y[positive], half_width[positive], colour)
    if not positive.all():
        alone = {**signs, "linestyle": "none"}
        axes.plot(x[~positive], y[~positive], **alone)  # type: ignore[arg-type]
        at = ~positive & np.isfinite(half_width)
        look = {"ecolor": colour, "elinewidth": looks.current().strokes, "capsize": 2}
        axes.errorbar(x[at], y[at], yerr=half_width[at], fmt="none", **look)  # type: ignore[arg-type]


def _band(axes: Axes, x: Floats, y: Floats, half_width: Floats, colour: str) -> None:
    if np.isfinite(half_width).any():
        axes.fill_between(x, y - half_width, y + half_width, color=colour, alpha=0.18, linewidth=0)


def _frame(axes: Axes, panel: Panel, grid: Grid, quantity: Quantity) -> None:
    if panel.column == 0:
        axes.set_ylabel(quantity.label)
    elif not quantity.of_latents and len({other.scale for other in grid.panels}) == 1:
        axes.tick_params(labelleft=False)  # the same numbers stand at the left end of the row
    if is_lowest(panel, grid):
        axes.set_xlabel(name("beta_norm"))
    else:
        axes.tick_params(labelbottom=False)


def limit(axes: Axes, points: pd.DataFrame, comparable: pd.DataFrame, quantity: Quantity) -> None:
    """The same limits wherever panels may be compared."""
    if quantity.of_latents:
        most = int(points["latent_dim"].max())
        axes.set_ylim(-0.03 * most, 1.05 * most)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
        for size in sorted(set(points["latent_dim"].astype(int))):
            axes.axhline(size, color="#999999", linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
        return
    margin = comparable[f"{quantity.column}_ci95"].fillna(0)
    low = float((comparable[quantity.column] - margin).min())
    high = float((comparable[quantity.column] + margin).max())
    space = 0.06 * (high - low) or max(abs(high) * 0.1, 0.1)
    axes.set_ylim(low - space, high + space)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
