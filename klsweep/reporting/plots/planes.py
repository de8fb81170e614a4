"""The rate-distortion plane: what each weight buys, with lines of equal ELBO (Alemi et al. 2018, figure 1)."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from klsweep.reporting import numbers
from klsweep.reporting.closed_forms import NO_FORMS, THEORETICAL, THEORY, ClosedForms, Floats
from klsweep.reporting.plots import canvas, grids, layout, weights
from klsweep.reporting.plots.grids import Grid, Panel
from klsweep.reporting.plots.labels import Placer
from klsweep.reporting.plots.material import spread

COLUMNS = ("rate_nats", "distortion_nats")
ISO_LINES = 6
LABELS = 12  # of one line, at most


DASHED = (
    "Dashed: closed form of the linear VAE with M latents on the covariance of these data: exact for model "
    "linear; no network wide enough to hold that map needs a higher rate, but a trained one may have one"
)


def rate_distortion(summary: pd.DataFrame, forms: ClosedForms = NO_FORMS) -> Figure | None:
    """Distortion against rate, a setting's weights joined, points labelled by beta_norm; None without a point.

    Where the closed form is known for the data and likelihood of a panel, it is drawn dashed for each latent size.
    """
    drawn = grids.finished(summary, *COLUMNS)
    if drawn.empty:
        return None
    grid = grids.grid(drawn)
    said = "Points carry their beta_norm where there is room; dotted: equal ELBO, in nats per datum"
    known = [tuple(_closed(panel, forms)) for panel in grid.panels]
    foot = weights.foot(grid, drawn, summary, said, DASHED if any(known) else "")
    figure = weights.sheet(grid, title="Rate-distortion plane", foot=foot)
    every = weights.panels(figure, grid)
    for panel, axes, lines in zip(grid.panels, every, known, strict=True):
        _panel(axes, panel, grid)
        for _, rate, distortion in lines:
            axes.plot(rate, distortion, **THEORETICAL)
    weights.legend(figure, grid)
    layout.arrange(figure)  # positions are final from here on, so labels can look for room
    texts = numbers.distinct(drawn["beta_norm"])
    for panel, axes, lines in zip(grid.panels, every, known, strict=True):
        _label(axes, panel, texts, lines)
    return figure


Form = tuple[int, Floats, Floats]  # latent size, rate, distortion


def _closed(panel: Panel, forms: ClosedForms) -> Iterator[Form]:
    """The closed form for each latent size of a panel, as far as its points go."""
    most = _range(panel.points, "rate_nats")[1]
    asked = panel.points[["dataset", "likelihood", "latent_dim"]].drop_duplicates()
    for dataset, likelihood, size in asked.itertuples(index=False):
        line = forms.line(dataset, likelihood, latent_dim=int(size), most_nats=most)
        if line is not None:
            yield int(size), *line


def _panel(axes: Axes, panel: Panel, grid: Grid) -> None:
    bars: list[Floats] = []
    colours: list[object] = []
    for line in panel.lines:
        signs = weights.marks(line.style, len(grid.legend))
        rate, distortion = (line.points[name].to_numpy(dtype=float) for name in COLUMNS)
        axes.plot(rate, distortion, **signs)  # type: ignore[arg-type]
        across, up = (line.points[f"{name}_ci95"].fillna(0).to_numpy(dtype=float) for name in COLUMNS)
        ends = np.stack([[rate - across, distortion], [rate + across, distortion]], axis=0).transpose(2, 0, 1)
        sides = np.stack([[rate, distortion - up], [rate, distortion + up]], axis=0).transpose(2, 0, 1)
        bars += [*ends[across > 0], *sides[up > 0]]
        colours += [signs["color"]] * int((across > 0).sum() + (up > 0).sum())
    axes.add_collection(LineCollection(bars, colors=colours, linewidths=0.8), autolim=False)
    axes.set_xlim(*_range(panel.points, "rate_nats"))
    axes.set_ylim(*_range(grid.of_scale[panel.scale], "distortion_nats"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    if panel.column == 0:
        axes.set_ylabel("distortion (nats per datum)")
    if weights.is_lowest(panel, grid):
        axes.set_xlabel("rate (nats per datum)")


def _range(points: pd.DataFrame, name: str) -> tuple[float, float]:
    margin = points[f"{name}_ci95"].fillna(0)
    low, high = float((points[name] - margin).min()), float((points[name] + margin).max())
    space = 0.1 * (high - low) or max(0.1 * abs(high), 0.1)
    return low - space, high + space


def _label(axes: Axes, panel: Panel, texts: dict[float, str], known: Iterable[Form]) -> None:
    """beta_norm beside the points, M at the dashed lines, ELBO at the dotted ones, where nothing is in the way."""
    placer = Placer(axes)
    for line in panel.lines:
        placer.keep_clear(*(line.points[name].to_numpy(dtype=float) for name in COLUMNS))
    for line in panel.lines:
        colour = canvas.COLOURS[line.style % len(canvas.COLOURS)]
        few = line.points.iloc[spread(len(line.points), LABELS)]
        for rate, distortion, beta_norm in few[[*COLUMNS, "beta_norm"]].itertuples(index=False):
            placer.beside(rate, distortion, texts[beta_norm], colour)
    above = 0.025 * float(np.ptp(axes.get_ylim()))
    for size, rate, distortion in known:
        inside = np.flatnonzero((rate < axes.get_xlim()[1]) & (distortion > axes.get_ylim()[0]))
        places = (
            inside[np.linspace(0.95 * len(inside), 0.3 * len(inside), 9).astype(int)] if len(inside) else ()
        )
        any(placer.inside(rate[at], distortion[at] + above, f"M = {size}", THEORY) for at in places)
    for cost, start, end in _iso_elbo(axes):
        rates = start + np.linspace(0.97, 0.5, 6) * (end - start)
        any(placer.inside(rate, cost - rate, f"{0 - cost:g}".replace("-", "−"), "#777777") for rate in rates)


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
