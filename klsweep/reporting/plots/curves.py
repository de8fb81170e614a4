"""Learning curves: distortion, rate and schedule per epoch, coloured by the weight."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from klsweep.reporting import settings
from klsweep.reporting.plots import canvas, grids
from klsweep.reporting.plots.axis import LABEL, decades
from klsweep.result import Status

Curve = Sequence[Mapping[str, float | None]]

COLUMNS = 4  # settings in one figure
WEIGHTS = 12  # curves in one panel
ROWS = (
    ("distortion_nats", "distortion\n(nats per datum)"),
    ("rate_nats", "rate\n(nats per datum)"),
)
ZERO = "#D55E00"  # of a weight of 0, for which a logarithmic scale has no colour
PANEL_WIDTH, PANEL_HEIGHT = 2.7, 1.7  # inches


@dataclass(frozen=True)
class _Column:
    """One setting: its title and, by beta_norm, the curve of one seed."""

    title: str
    curves: tuple[tuple[float, pd.DataFrame], ...]


def learning_curves(runs: pd.DataFrame, curve: Callable[[str], Curve]) -> Figure | None:
    """One column per setting, schedules first; the lowest seed of each weight. None where no job has a curve.

    `curve` reads one job's curve; it is asked for at most `COLUMNS` x `WEIGHTS` of them.
    """
    chosen, said = _chosen(runs)
    columns = [_Column(title, _read(jobs, curve)) for title, jobs in chosen]
    columns = [column for column in columns if column.curves]
    if not columns:
        return None
    foot = ". ".join(part for part in (grids.alike(runs), _seeds(chosen), *said) if part)
    height, width = PANEL_HEIGHT * 3 + 0.3, PANEL_WIDTH * len(columns) + 1.5
    weights = sorted({beta_norm for column in columns for beta_norm, _ in column.curves})
    title = "Learning curves" + (f" at beta_norm {weights[0]:.4g}" if len(weights) == 1 else "")
    figure = canvas.paper(max(6.4, width), height, title=title, foot=f"{foot}.", key=0.2)
    _draw(figure, columns, weights)
    return figure


def _chosen(runs: pd.DataFrame) -> tuple[list[tuple[str, pd.DataFrame]], list[str]]:
    """The settings to draw, each schedule's first one first, and what is to be said of the others."""
    ok = runs[(runs["status"] == str(Status.OK)) & runs["beta_norm"].notna()]
    setting = settings.product(ok, settings.varying(ok))
    parts = [(setting.levels[int(code)], ok.loc[rows]) for code, rows in _groups(ok, setting.codes)]
    seen: set[object] = set()
    first: list[tuple[str, pd.DataFrame]] = []
    others: list[tuple[str, pd.DataFrame]] = []
    for title, jobs in parts:
        schedule = jobs["schedule"].iloc[0]
        (others if schedule in seen else first).append((title, jobs))
        seen.add(schedule)
    chosen = (first + others)[:COLUMNS]
    left = len(parts) - len(chosen)
    said = (
        [f"{left} more setting{'s' if left > 1 else ''} not drawn: see curve.csv of each job"] if left else []
    )
    lost = int((runs["status"] == str(Status.DIVERGED)).sum())
    return chosen, said + ([f"Left out: {lost} diverged jobs"] if lost else [])


def _groups(ok: pd.DataFrame, codes: Sequence[int]) -> list[tuple[int, pd.Index]]:
    by_code = pd.Series(codes, index=ok.index, dtype="int64")
    return [(int(code), rows.index) for code, rows in by_code.groupby(by_code)]


def _seeds(chosen: list[tuple[str, pd.DataFrame]]) -> str:
    jobs = pd.concat([jobs for _, jobs in chosen])
    most = int(jobs.groupby(["beta_norm", *settings.varying(jobs)], dropna=False)["seed"].nunique().max())
    lowest = sorted({int(seed) for seed in jobs.groupby("beta_norm")["seed"].min()})
    shown = f"n = 1 seed per curve: seed {', '.join(map(str, lowest[:3]))}"
    return f"{shown}, of up to {most}" if most > 1 else shown


def _read(jobs: pd.DataFrame, curve: Callable[[str], Curve]) -> tuple[tuple[float, pd.DataFrame], ...]:
    """At most `WEIGHTS` curves, evenly spread over the weights, the least and the greatest among them."""
    each = jobs.sort_values(["beta_norm", "seed"]).drop_duplicates("beta_norm")
    places = np.unique(np.linspace(0, len(each) - 1, min(WEIGHTS, len(each))).round().astype(int))
    picked = each.iloc[places]
    pairs = zip(picked["beta_norm"].astype(float), picked["job_id"], strict=True)
    tables = [(beta_norm, pd.DataFrame(curve(job_id), dtype="float64")) for beta_norm, job_id in pairs]
    return tuple((beta_norm, table) for beta_norm, table in tables if len(table))


def _draw(figure: Figure, columns: list[_Column], weights: list[float]) -> None:
    places = figure.add_gridspec(3, len(columns))
    colours = _colours(weights)
    every = []
    for place, column in enumerate(columns):
        cells = [figure.add_subplot(places[row, place]) for row in range(3)]
        width = figure.get_figwidth() / len(columns) - 0.9
        cells[0].set_title(canvas.wrapped(column.title, width), fontsize=canvas.SMALL, fontweight="bold")
        for axes, (name, label) in zip(cells, ROWS, strict=False):
            _metric(axes, column, name, colours)
            axes.set_ylabel(label if place == 0 else "")
        _schedule(cells[2], column, colours, labelled=place == 0)
        cells[2].set_xlabel("epoch")
        for axes in cells:
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        every += cells
    if len(weights) > 1:
        _bar(figure, every, colours)
    _key(figure, has_zero=weights[0] == 0 and len(weights) > 1)


def _key(figure: Figure, *, has_zero: bool) -> None:
    keys = {
        "valid": Line2D([], [], color="#444444"),
        "train": Line2D([], [], color="#444444", linestyle=":"),
        **({"beta_norm = 0": Line2D([], [], color=ZERO)} if has_zero else {}),
    }
    figure.legend(
        list(keys.values()),
        list(keys),
        loc="lower center",
        bbox_to_anchor=(0.5, canvas.foot_top(figure)),
        borderaxespad=0,
        ncols=len(keys),
        frameon=False,
    )


def _metric(axes: Axes, column: _Column, name: str, colours: ScalarMappable) -> None:
    for beta_norm, table in column.curves:
        colour = _colour(beta_norm, colours)
        marker = "o" if len(table) == 1 else ""  # one epoch is a point, not a line
        for split, dashes, width in (("train", ":", 1.0), ("valid", "-", 1.4)):
            y = table[f"{split}_{name}"]
            axes.plot(table["epoch"], y, color=colour, linestyle=dashes, linewidth=width, marker=marker)


def _schedule(axes: Axes, column: _Column, colours: ScalarMappable, *, labelled: bool) -> None:
    """s where the schedule is a function of time, else the raw weight itself."""
    name = "s" if all(table["s"].notna().any() for _, table in column.curves) else "weight"
    for beta_norm, table in column.curves:
        colour = _colour(beta_norm, colours)
        axes.plot(table["epoch"], table[name], color=colour, marker="o" if len(table) == 1 else "")
    if name == "s":
        axes.set_ylim(-0.05, 1.05)
    if labelled or name != "s":
        axes.set_ylabel("schedule s\n(share of the weight)" if name == "s" else "raw weight\n(no unit)")


def _colours(weights: list[float]) -> ScalarMappable:
    positive = [weight for weight in weights if weight > 0] or [1.0]
    low, high = min(positive), max(positive)
    norm: Normalize = LogNorm(low, high) if low < high else LogNorm(low / 2, high * 2)
    dark = mpl.colormaps["viridis"](np.linspace(0, 0.92, 256))  # its last yellows are too pale for a line
    return ScalarMappable(norm, ListedColormap(dark))


def _colour(weight: float, colours: ScalarMappable) -> Any:
    return colours.to_rgba(weight) if weight > 0 else ZERO  # type: ignore[arg-type]  # a number is an array of one


def _bar(figure: Figure, every: list[Axes], colours: ScalarMappable) -> None:
    bar = figure.colorbar(colours, ax=every, fraction=0.03, pad=0.02, aspect=35)
    bar.set_label(LABEL)
    low, high = colours.get_clim()
    assert isinstance(low, float)
    assert isinstance(high, float)
    bar.ax.yaxis.set_major_locator(FixedLocator(decades(low, high)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    bar.ax.yaxis.set_minor_locator(NullLocator())
