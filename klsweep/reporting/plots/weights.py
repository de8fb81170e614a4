"""A metric against the weight: one line per setting, its 95 % interval over seeds as a band."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from klsweep.reporting.plots import canvas, grids
from klsweep.reporting.plots.axis import LABEL, WeightAxis
from klsweep.reporting.plots.grids import Grid, Line, Panel

PANEL_WIDTH, PANEL_HEIGHT = 3.1, 2.5  # inches
ALONE_WIDTH, ALONE_HEIGHT = 6.4, 3.8  # of a figure with one panel


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


def against_weight(summary: pd.DataFrame, quantity: Quantity) -> Figure | None:
    """Small multiples of one metric; None where no finished job has it."""
    drawn = grids.finished(summary, quantity.column)
    if drawn.empty:
        return None
    grid = grids.grid(drawn)
    figure = sheet(grid, title=quantity.title, foot=foot(grid, drawn, summary))
    axis = WeightAxis(drawn["beta_norm"])
    for panel, axes in zip(grid.panels, panels(figure, grid), strict=True):
        for line in panel.lines:
            _line(axes, axis, line, quantity=quantity, signs=marks(line.style, len(grid.legend)))
        _frame(axes, panel, grid, quantity)
        axis.draw(axes)
        axis.draw_beta(axes, panel.points, label=panel.row == 0)
        _limits(axes, panel, grid, quantity)
    legend(figure, grid)
    return figure


def sheet(grid: Grid, *, title: str, foot: str) -> Figure:
    """Paper with room for the grid's panels."""
    if len(grid.panels) == 1:
        width, height = ALONE_WIDTH, ALONE_HEIGHT
    else:
        width, height = max(ALONE_WIDTH, PANEL_WIDTH * grid.columns), PANEL_HEIGHT * grid.rows
    longest = max(map(len, grid.legend), default=0)
    key_lines = -(-len(grid.legend) // _legend_columns(width, longest))
    return canvas.paper(width, height, title=title, foot=foot, key=0.2 * key_lines)


def panels(figure: Figure, grid: Grid) -> list[Axes]:
    """Axes for every panel of the grid, with its title."""
    places = figure.add_gridspec(grid.rows, grid.columns)
    width = figure.get_figwidth() / grid.columns - 0.7
    found = []
    for panel in grid.panels:
        axes = figure.add_subplot(places[panel.row, panel.column])
        axes.set_title(canvas.wrapped(panel.title, width), fontsize=canvas.SMALL, fontweight="bold")
        found.append(axes)
    return found


def marks(style: int, styles: int) -> dict[str, object]:
    """Colour, marker and dashes of a line: three signs that say the same.

    Later lines are drawn over earlier ones and are thinner, so that lines which coincide can all be seen.
    """
    thicker = min(4, max(0, styles - 1 - style))
    return {
        "markersize": 4.0 + 1.2 * thicker,
        "linewidth": 1.3 + 0.6 * thicker,
        "color": canvas.COLOURS[style % len(canvas.COLOURS)],
        "marker": canvas.MARKERS[style % len(canvas.MARKERS)],
        "linestyle": canvas.DASHES[style % len(canvas.DASHES)],
    }


def legend(figure: Figure, grid: Grid) -> None:
    """One key for all panels, below them."""
    if not grid.legend:
        return
    handles = [Line2D([], [], **marks(style, len(grid.legend))) for style in range(len(grid.legend))]  # type: ignore[arg-type]
    columns = _legend_columns(figure.get_figwidth(), max(map(len, grid.legend)))
    labels = [canvas.escape(label) for label in grid.legend]
    figure.legend(
        handles,
        labels,
        loc="lower center",
        bbox_to_anchor=(0.5, canvas.foot_top(figure)),
        borderaxespad=0,
        ncols=min(columns, len(labels)),
        frameon=False,
        handlelength=3.2,
    )


def foot(grid: Grid, drawn: pd.DataFrame, whole: pd.DataFrame, *said: str) -> str:
    """What is constant, n, and what is not drawn."""
    more = f"No room for {grid.left_out} more lines: see summary.csv" if grid.left_out else ""
    return grids.foot(drawn, whole, *said, more)


def is_lowest(panel: Panel, grid: Grid) -> bool:
    """Whether no panel stands below this one."""
    return not any(other.column == panel.column and other.row > panel.row for other in grid.panels)


def _legend_columns(width: float, longest: int) -> int:
    return max(
        1, int(width * canvas.CHARS_PER_INCH / (longest + 11))
    )  # 11 characters: the handle and the gap


def _line(axes: Axes, axis: WeightAxis, line: Line, *, quantity: Quantity, signs: dict[str, object]) -> None:
    x = axis.place(line.points["beta_norm"])
    y = line.points[quantity.column].to_numpy(dtype=float)
    half_width = line.points[f"{quantity.column}_ci95"].to_numpy(dtype=float)
    positive = line.points["beta_norm"].to_numpy(dtype=float) > 0
    axes.plot(x[positive], y[positive], **signs)  # type: ignore[arg-type]
    axes.plot(x[~positive], y[~positive], **{**signs, "linestyle": "none"})  # type: ignore[arg-type]
    colour = str(signs["color"])
    axes.fill_between(
        x, y - half_width, y + half_width, where=positive, color=colour, alpha=0.18, linewidth=0
    )
    zero = ~positive & np.isfinite(half_width)
    axes.errorbar(x[zero], y[zero], yerr=half_width[zero], ecolor=colour, fmt="none", elinewidth=1, capsize=2)


def _frame(axes: Axes, panel: Panel, grid: Grid, quantity: Quantity) -> None:
    if panel.column == 0:
        axes.set_ylabel(quantity.label)
    elif not quantity.of_latents and len({other.scale for other in grid.panels}) == 1:
        axes.tick_params(labelleft=False)  # the same numbers stand at the left end of the row
    if is_lowest(panel, grid):
        axes.set_xlabel(LABEL)
    else:
        axes.tick_params(labelbottom=False)


def _limits(axes: Axes, panel: Panel, grid: Grid, quantity: Quantity) -> None:
    """The same limits wherever panels may be compared."""
    if quantity.of_latents:
        most = int(panel.points["latent_dim"].max())
        axes.set_ylim(-0.03 * most, 1.05 * most)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
        for size in sorted(set(panel.points["latent_dim"].astype(int))):
            axes.axhline(size, color="#999999", linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
        return
    points = pd.concat([other.points for other in grid.panels if other.scale == panel.scale])
    margin = points[f"{quantity.column}_ci95"].fillna(0)
    low = float((points[quantity.column] - margin).min())
    high = float((points[quantity.column] + margin).max())
    space = 0.06 * (high - low) or max(abs(high) * 0.1, 0.1)
    axes.set_ylim(low - space, high + space)
