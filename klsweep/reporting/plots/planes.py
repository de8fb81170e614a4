"""The rate-distortion plane: what each weight buys, with lines of equal ELBO (Alemi et al. 2018, figure 1)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from klsweep.reporting import numbers
from klsweep.reporting.plots import canvas, grids, weights
from klsweep.reporting.plots.grids import Grid, Panel
from klsweep.reporting.plots.labels import Placer

COLUMNS = ("rate_nats", "distortion_nats")
ISO_LINES = 6


def rate_distortion(summary: pd.DataFrame) -> Figure | None:
    """Distortion against rate, a setting's weights joined, points labelled by beta_norm; None without a point."""
    drawn = grids.finished(summary, *COLUMNS)
    if drawn.empty:
        return None
    grid = grids.grid(drawn)
    said = "Points carry their beta_norm where there is room; dotted: equal ELBO, in nats per datum"
    foot = weights.foot(grid, drawn, summary, said)
    figure = weights.sheet(grid, title="Rate-distortion plane", foot=foot)
    every = weights.panels(figure, grid)
    for panel, axes in zip(grid.panels, every, strict=True):
        _panel(axes, panel, grid)
    weights.legend(figure, grid)
    canvas.freeze(figure)  # positions are final from here on, so labels can look for room
    texts = numbers.distinct(drawn["beta_norm"])
    for panel, axes in zip(grid.panels, every, strict=True):
        _label(axes, panel, texts)
    return figure


def _panel(axes: Axes, panel: Panel, grid: Grid) -> None:
    for line in panel.lines:
        signs = weights.marks(line.style, len(grid.legend))
        rate, distortion = (line.points[name].to_numpy(dtype=float) for name in COLUMNS)
        axes.plot(rate, distortion, **signs)  # type: ignore[arg-type]
        errors = [line.points[f"{name}_ci95"].fillna(0).to_numpy(dtype=float) for name in COLUMNS]
        axes.errorbar(
            rate,
            distortion,
            xerr=errors[0],
            yerr=errors[1],
            fmt="none",
            ecolor=str(signs["color"]),
            elinewidth=0.8,
        )
    alike = pd.concat([other.points for other in grid.panels if other.scale == panel.scale])
    axes.set_xlim(*_range(panel.points, "rate_nats"))
    axes.set_ylim(*_range(alike, "distortion_nats"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    if panel.column == 0:
        axes.set_ylabel("distortion (nats per datum)")
    if weights.is_lowest(panel, grid):
        axes.set_xlabel("rate (nats per datum)")


def _range(points: pd.DataFrame, name: str) -> tuple[float, float]:
    margin = points[f"{name}_ci95"].fillna(0)
    low, high = float((points[name] - margin).min()), float((points[name] + margin).max())
    space = 0.1 * (high - low) or max(0.1 * abs(high), 0.1)
    return low - space, high + space


def _label(axes: Axes, panel: Panel, texts: dict[float, str]) -> None:
    """beta_norm beside the points, then the ELBO of the dotted lines, where nothing is in the way."""
    placer = Placer(axes)
    for line in panel.lines:
        placer.keep_clear(*(line.points[name].to_numpy(dtype=float) for name in COLUMNS))
    for line in panel.lines:
        colour = canvas.COLOURS[line.style % len(canvas.COLOURS)]
        for rate, distortion, beta_norm in line.points[[*COLUMNS, "beta_norm"]].itertuples(index=False):
            placer.beside(rate, distortion, texts[beta_norm], colour)
    for cost, start, end in _iso_elbo(axes):
        rates = start + np.linspace(0.97, 0.5, 6) * (end - start)
        any(placer.inside(rate, cost - rate, f"{0 - cost:g}", "#777777") for rate in rates)


def _iso_elbo(axes: Axes) -> Iterator[tuple[float, float, float]]:
    """Draw lines of equal rate + distortion; gives each with the rates at its ends."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for cost in MaxNLocator(nbins=ISO_LINES).tick_values(left + bottom, right + top):
        start, end = max(left, cost - top), min(right, cost - bottom)
        if start >= end:
            continue
        axes.plot(
            [start, end], [cost - start, cost - end], color="#AAAAAA", linewidth=0.8, linestyle=":", zorder=1
        )
        yield float(cost), float(start), float(end)
