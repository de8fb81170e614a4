"""Learning curves: distortion, rate and active units per epoch, coloured by the weight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from klsweep.reporting.plots import canvas, grids, keys, layout, looks
from klsweep.reporting.plots.colours import ZERO, WeightColours
from klsweep.reporting.plots.grids import APART
from klsweep.reporting.plots.material import WEIGHTS, Case, Curve, Material, seeds, unseen
from klsweep.result import Status

ROWS = (
    ("distortion_nats", "distortion\n(nats per datum)"),
    ("rate_nats", "rate\n(nats per datum)"),
    ("active_units", "active units\n(latents)"),
)
"""The rows of panels: a column of curve.csv without its split, and its label."""

Splits = tuple[tuple[str, Literal["-", ":"], float], ...]
SPLITS: Splits = (("train", ":", 1.0), ("valid", "-", 1.4))
"""How the names in curve.csv begin, with dashes and width of their lines."""

ABOVE = 0.6  # height of what stands above the metrics, in heights of a metric

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """One setting: its title and, by beta_norm, the curve of one seed by column of curve.csv."""

    title: str
    apart: tuple[str, ...]
    """What makes its distortions comparable to others."""
    job_id: str
    """Of its first curve."""
    curves: tuple[tuple[float, dict[str, Floats]], ...]

    def has(self, name: str) -> bool:
        """Whether any value of a column of curve.csv is known."""
        return any(np.isfinite(curve[name]).any() for _, curve in self.curves if name in curve)


Draw = Callable[[Axes, Column], None]


def learning_curves(material: Material) -> Figure | None:
    """One column per setting, schedules first; the lowest seed of each weight. None where no job has a curve.

    No more curves are read than are drawn.
    """
    chosen = _schedules_first(material)[: looks.current().columns]
    columns = read(material, chosen)
    if not columns:
        return None
    said = unseen(len(material.cases) - len(chosen), "curve.csv of each job")
    return draw(columns, title="Learning curves", foot=foot(material, chosen, said))


def read(material: Material, chosen: Sequence[Case], most: int = WEIGHTS) -> list[Column]:
    """The curves of these settings; a setting without any is left out."""
    columns = []
    for case in chosen:
        picked = case.one_per_weight(most)
        pairs = zip(picked["beta_norm"].astype(float), map(material.curve, picked["job_id"]), strict=True)
        curves = tuple((beta_norm, _by_column(curve)) for beta_norm, curve in pairs if curve)
        apart = tuple(str(case.jobs[name].iloc[0]) for name in APART)
        columns.append(Column(case.title, apart, str(picked["job_id"].iloc[0]), curves))
    return [column for column in columns if column.curves]


def foot(material: Material, chosen: Sequence[Case], *said: str) -> str:
    """What is constant, which seed is shown, and what is missing."""
    lost = int((material.runs["status"] == str(Status.DIVERGED)).sum())
    left_out = f"Left out: {lost} diverged job{'s' if lost > 1 else ''}" if lost else ""
    parts = (grids.alike(material.runs), seeds(chosen), *said, left_out)
    return ". ".join(part for part in parts if part) + "."


def draw(columns: Sequence[Column], *, title: str, foot: str, above: Draw | None = None) -> Figure:
    """The metrics below each other, one column of panels per setting.

    With `above` on top of each, there is no room for the training's curves beside those of validation.
    """
    splits = (
        SPLITS
        if above is None or not any(column.has("valid_rate_nats") for column in columns)
        else SPLITS[1:]
    )
    rows = [row for row in ROWS if any(column.has(f"valid_{row[0]}") for column in columns)] or ROWS[:2]
    weights = sorted({weight for column in columns for weight, _ in column.curves})
    colours = WeightColours(weights)
    heights = [ABOVE] * (above is not None) + [1.0] * len(rows)
    key = _key(splits, has_zero=colours.has_zero and not colours.is_one)
    alone = f" at beta_norm {weights[0]:.4g}" if colours.is_one else ""
    width, height = _size(len(columns), sum(heights))
    figure = canvas.paper(width, height, title=title + alone, foot=foot, key=keys.height(key, width))
    places = figure.add_gridspec(len(heights), len(columns), height_ratios=heights)
    cells = [[figure.add_subplot(places[row, c]) for c in range(len(columns))] for row in range(len(heights))]
    if above:
        for axes, column in zip(cells[0], columns, strict=True):
            above(axes, column)
    for line, (name, label) in zip(cells[-len(rows) :], rows, strict=True):
        for axes, column in zip(line, columns, strict=True):
            _metric(axes, column, name, colours, splits)
            if name == "active_units":
                most = max(axes.get_ylim()[1], 1.0)
                axes.set_ylim(-0.06 * most, 1.06 * most)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=name == "active_units"))
        line[0].set_ylabel(label)
        if len({column.apart for column in columns}) == 1:
            _share(line)
    _finish(cells, columns)
    keys.draw(figure, key)
    layout.arrange(figure, bar=colours.bar(figure))
    return figure


def _schedules_first(material: Material) -> list[Case]:
    """The first setting of each schedule, then the others."""
    is_other = material.firsts["schedule"].duplicated()
    return [material.cases[place] for place in np.argsort(is_other.to_numpy(dtype=bool), kind="stable")]


def _by_column(curve: Curve) -> dict[str, Floats]:
    values = {name: [row.get(name) for row in curve] for name in curve[0]}
    return {name: np.array(column, dtype=float) for name, column in values.items()}


def _size(columns: int, rows: float) -> tuple[float, float]:
    look = looks.current()
    each = 0.87 if columns <= look.columns else 0.62
    return look.wide(each * look.panel[0] * columns + 1.4), 0.7 * look.panel[1] * rows + 0.3


def _key(splits: Splits, *, has_zero: bool) -> dict[str, Line2D]:
    """What dashes and the colour of 0 mean; of one split the foot says which it is."""
    found = {
        name: Line2D([], [], color="#444444", linestyle=dashes, linewidth=width * looks.current().strokes)
        for name, dashes, width in reversed(splits)
        if len(splits) > 1
    }
    return found | ({"beta_norm = 0": Line2D([], [], color=ZERO)} if has_zero else {})


def _metric(axes: Axes, column: Column, name: str, colours: WeightColours, splits: Splits) -> None:
    """The curves of each split. Of a single epoch there is a point, not a line."""
    for split, dashes, width in splits:
        known = [(weight, curve) for weight, curve in column.curves if f"{split}_{name}" in curve]
        if not known:
            continue
        points = [np.column_stack([curve["epoch"], curve[f"{split}_{name}"]]) for _, curve in known]
        shades = [colours.of(weight) for weight, _ in known]
        strokes = looks.current().strokes * width
        axes.add_collection(LineCollection(points, colors=shades, linestyles=dashes, linewidths=strokes))
        for alone, shade in zip(points, shades, strict=True):
            if len(alone) == 1:
                axes.plot(*alone.T, color=shade, marker="o", fillstyle="full" if split == "valid" else "none")
    axes.autoscale_view()


def _share(line: Sequence[Axes]) -> None:
    """The same limits for all, and the numbers at the left end alone."""
    limits = np.array([axes.get_ylim() for axes in line])
    for axes in line:
        axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        axes.tick_params(labelleft=axes is line[0])


def _finish(cells: Sequence[Sequence[Axes]], columns: Sequence[Column]) -> None:
    for axes, column in zip(cells[0], columns, strict=True):
        axes.set_title(column.title)
    for line in cells:
        for axes, column in zip(line, columns, strict=True):
            last = max(float(curve["epoch"][-1]) for _, curve in column.curves)
            axes.set_xlim(0 if last > 1 else 0.5, last * 1.03 if last > 1 else 1.5)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
            axes.tick_params(labelbottom=line is cells[-1])
    for axes in cells[-1]:
        axes.set_xlabel("epoch")
