"""The four ways to reduce a loss, side by side: against the weight as written, and against what it comes to."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from klsweep.reporting import settings
from klsweep.reporting.plots import canvas, grids, keys, layout, looks, weights
from klsweep.reporting.plots.axis import WeightAxis, name
from klsweep.reporting.plots.material import Material, unseen
from klsweep.reporting.plots.weights import ACTIVE_UNITS, RATE, RECONSTRUCTION, Quantity

UNITS = {"weight": "as a script writes it", "beta_norm": "as it acts"}
"""The two columns: the unit of the axis, and what it is."""

QUANTITIES = (RECONSTRUCTION, RATE, ACTIVE_UNITS)


def reductions(material: Material) -> Figure | None:
    """Distortion, rate and active units by reduction, for the setting with most of them; None where there is one."""
    drawn = grids.finished(material.summary, *(quantity.column for quantity in QUANTITIES), "weight")
    others = settings.product(drawn, [each for each in settings.varying(drawn) if each != "reduction"])
    if drawn.empty or drawn["reduction"].nunique() < 2:
        return None
    group = pd.Series(others.codes, index=drawn.index)
    each = drawn.groupby(group)["reduction"].nunique()
    chosen = int(str(each.idxmax()))
    points = drawn[group == chosen]
    lines = {str(label): rows for label, rows in points.groupby("reduction", sort=False)}
    if len(lines) < 2:
        return None
    signs = {label: weights.marks(place, len(lines)) for place, label in enumerate(lines)}
    key = {label: Line2D([], [], **sign) for label, sign in signs.items()}  # type: ignore[arg-type]
    look = looks.current()
    width = look.wide(2.4 * look.panel[0])
    said = (others.levels[chosen], unseen(len(each) - 1, "summary.csv"))
    figure = canvas.paper(
        width,
        0.85 * look.panel[1] * len(QUANTITIES),
        title="Reductions side by side",
        foot=grids.foot(points, material.summary, *said),
        key=keys.height(key, width),
    )
    places = figure.add_gridspec(len(QUANTITIES), len(UNITS))
    for column, unit in enumerate(UNITS):
        for row, quantity in enumerate(QUANTITIES):
            axes = figure.add_subplot(places[row, column])
            _panel(axes, points, {label: (lines[label], signs[label]) for label in lines}, (unit, quantity))
            axes.tick_params(labelbottom=row + 1 == len(QUANTITIES), labelleft=column == 0)
            axes.set_ylabel(quantity.label.replace(" (", "\n(") if column == 0 else "")
            axes.set_xlabel(name(unit) if row + 1 == len(QUANTITIES) else "")
            axes.set_title(f"the weight {UNITS[unit]}" if row == 0 else "")
    keys.draw(figure, key)
    layout.arrange(figure)
    return figure


Lines = dict[str, tuple[pd.DataFrame, dict[str, object]]]


def _panel(axes: Axes, points: pd.DataFrame, lines: Lines, what: tuple[str, Quantity]) -> None:
    unit, quantity = what
    axis = WeightAxis(points[unit])
    for rows, signs in lines.values():
        weights.draw_line(axes, axis, rows.sort_values(unit), quantity=quantity, unit=unit, signs=signs)
    axis.draw(axes)
    weights.limit(axes, points, points, quantity)
