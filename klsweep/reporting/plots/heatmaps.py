"""Active units over latent size and weight: where the code is used, and the frontier where it collapses."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke
from numpy.typing import NDArray

from klsweep.reporting import numbers, settings
from klsweep.reporting.plots import canvas, frontiers, grids, keys, layout, looks
from klsweep.reporting.plots.axis import name
from klsweep.reporting.plots.grids import Grid
from klsweep.reporting.plots.material import Material, spread
from klsweep.reporting.plots.weights import is_lowest

CELL = 0.48, 0.32  # inches on a screen: room for four characters of the small font
LARGEST = 7.0, 4.5  # inches of a panel on a screen; where there are more cells, they are smaller
WIDEST = 14.0  # inches of a figure on a screen
TICKS = 20  # labels on an axis
ANNOTATED = 160  # cells in one figure with a number in them; more are read by colour alone
"""Weight units for the columns, in order of preference."""

LINES = {"no unit left": ("gone", "-"), "units begin to fall": ("falls", (0, (2, 1)))}
"""The frontiers by their label: which answer of the verdict, and its dashes."""

RED = "#FF5A00"  # far from every colour of viridis, for every kind of colour vision by its white edge

Floats = NDArray[np.float64]


def active_units_heatmap(material: Material) -> Figure | None:
    """Active units by latent size and weight, coloured by their share of M; None where no job has them.

    The frontiers are those of the verdict: where the mean of all seeds passes half a unit, and where it is half a unit
    below that at the smallest weight.
    """
    drawn = grids.finished(material.summary, "active_units")
    if drawn.empty:
        return None
    unit = min(settings.UNITS, key=lambda unit: len(set(drawn[unit])))
    wide, high = _panel(drawn, unit)
    look = looks.current()
    columns = max(1, min(look.columns, int((look.width or WIDEST) / wide)))
    grid = grids.grid(drawn.assign(latent_dim=1), lines=1, columns=columns)
    found = frontiers.of(material)
    key = {label: Line2D([], [], **_signs(dashes)) for label, (_, dashes) in LINES.items()} if found else {}
    width = look.wide(wide * grid.columns + 1.0)
    figure = canvas.paper(
        width,
        high * grid.rows,
        title="Active units by latent size and KL weight",
        foot=_foot(grid, drawn, material.summary),
        key=keys.height(key, width),
    )
    _draw(figure, grid, drawn, unit)
    for panel, axes in zip(grid.panels, list(figure.axes), strict=True):
        _frontiers(axes, drawn.loc[panel.points.index], unit, found)
    keys.draw(figure, key)
    layout.arrange(figure, bar=_bar(figure))
    return figure


def _panel(drawn: pd.DataFrame, unit: str) -> tuple[float, float]:
    """Inches of a panel with its labels."""
    look = looks.current()
    share = look.panel[0] / looks.SCREEN.panel[0]
    wide = min(LARGEST[0], CELL[0] * int(drawn[unit].nunique())) * share
    high = min(LARGEST[1], CELL[1] * int(drawn["latent_dim"].nunique())) * share
    return max(0.7 * look.panel[0], wide) + 0.6 * share, max(
        1.15 * share, 0.85 * look.normal / 9, high
    ) + 0.9 * share


def _foot(grid: Grid, drawn: pd.DataFrame, whole: pd.DataFrame) -> str:
    more = f"No room for {grid.left_out} more panels: see summary.csv" if grid.left_out else ""
    cells = sum(len(panel.points) for panel in grid.panels)
    numbered = "Numbers: active units, mean over seeds; white" if cells <= ANNOTATED else "White"
    said = f"{numbered}: no finished job"
    return grids.foot(drawn, whole, said, more).replace("; intervals: 95 % over seeds", "")


def _draw(figure: Figure, grid: Grid, drawn: pd.DataFrame, unit: str) -> None:
    places = figure.add_gridspec(grid.rows, grid.columns)
    is_annotated = sum(len(panel.points) for panel in grid.panels) <= ANNOTATED
    for panel in grid.panels:
        axes = figure.add_subplot(places[panel.row, panel.column])
        axes.set_title(panel.title)
        _cells(axes, drawn.loc[panel.points.index], unit, is_annotated=is_annotated)
        if panel.column == 0:
            axes.set_ylabel("latent size M")
        if is_lowest(panel, grid):
            axes.set_xlabel(name(unit))


def _cells(axes: Axes, points: pd.DataFrame, unit: str, *, is_annotated: bool) -> None:
    table = points.pivot_table(index="latent_dim", columns=unit, values="active_units", aggfunc="mean")
    active = table.to_numpy(dtype=float)
    share = active / table.index.to_numpy(dtype=float)[:, None]
    axes.imshow(share, origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=1)
    texts = numbers.distinct(float(value) for value in table.columns)
    shown = spread(len(table.columns), TICKS)
    labels = [texts[float(table.columns[place])] for place in shown]
    slanted = max(map(len, labels)) * 0.7 * canvas.small() / 72 > CELL[0] * looks.current().panel[0] / 3.1
    axes.set_xticks(shown, labels, rotation=45 if slanted else 0, ha="right" if slanted else "center")
    if slanted:
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor")
    rows = spread(len(table.index), TICKS)
    axes.set_yticks(rows, [str(int(table.index[place])) for place in rows])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if is_annotated:
        _annotate(axes, active, share)


def _annotate(axes: Axes, active: Floats, shares: Floats) -> None:
    for row, column in np.argwhere(np.isfinite(active)):
        value = active[row, column]
        text = f"{value:.0f}" if value == round(value) or value >= 99.95 else f"{value:.1f}"
        colour = "black" if shares[row, column] > 0.6 else "white"  # viridis is light from about 0.6 on
        axes.text(column, row, text, ha="center", va="center", fontsize=canvas.small(), color=colour)


def _frontiers(axes: Axes, points: pd.DataFrame, unit: str, found: frontiers.Found) -> None:
    """A step from row to row at each frontier's place among the columns."""
    columns = np.unique(points[unit].to_numpy(dtype=float))
    for which, dashes in LINES.values():
        x, y = [], []
        for row, (_, alike) in enumerate(points.groupby("latent_dim", sort=True)):
            place = frontiers.place(found, alike, which=which, unit=unit, columns=columns)
            x += [place, place]
            y += [row - 0.5, row + 0.5]
        if np.isfinite(x).any():
            axes.plot(x, y, **_signs(dashes))
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(-0.5, points["latent_dim"].nunique() - 0.5)


def _signs(dashes: object) -> dict[str, Any]:
    width = 2.0 * looks.current().strokes
    edge = [Stroke(linewidth=2 * width, foreground="white"), Normal()]
    return {"color": RED, "linewidth": width, "linestyle": dashes, "path_effects": edge, "clip_on": False}


def _bar(figure: Figure) -> Axes:
    place = figure.add_axes((0.9, 0.1, 0.05, 0.8))
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), mpl.colormaps["viridis"]), cax=place)
    bar.set_label("active units / M")
    bar.outline.set_visible(False)
    place.set_yticks([0, 0.5, 1])
    return place
