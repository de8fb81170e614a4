"""The rate of every latent, largest first: how a weight shares out what the code carries."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from klsweep.reporting.plots import canvas, grids, keys, layout, looks
from klsweep.reporting.plots.colours import ZERO, WeightColours
from klsweep.reporting.plots.material import Material, seeds, unseen
from klsweep.result import ACTIVE_NATS

RATES = "rate_per_latent_nats"
"""The array of a result."""
COLUMNS, ROWS = (
    3,
    2,
)  # panels, of the settings whose pictures are shown too, so that their arrays are read once
LOWEST = 1e-4  # nats: rates below are drawn here
MARKED = 32  # latents at most whose points are marked

Spectrum = tuple[float, NDArray[np.float64]]
"""beta_norm, and the rates in nats, largest first. [latent]"""


def latent_spectrum(material: Material) -> Figure | None:
    """Mean rate per latent against its rank, one line per weight; None where no job has kept its rates."""
    look = looks.current()
    found = material.cases
    across = min(COLUMNS, look.columns)
    chosen = found[: across * ROWS]
    panels = [(case, spectra) for case in chosen if (spectra := _read(material, case.one_per_weight()))]
    if not panels:
        return None
    weights = sorted({weight for _, spectra in panels for weight, _ in spectra})
    colours = WeightColours(weights)
    columns = min(across, len(panels))
    rows = -(-len(panels) // columns)
    width, height = look.wide(0.87 * look.panel[0] * columns + 1.2), 0.9 * look.panel[1] * rows
    if len(panels) == 1:
        width, height = look.alone
    key = _key(has_zero=colours.has_zero and not colours.is_one)
    alone = f" at beta_norm {weights[0]:.4g}" if colours.is_one else ""
    said = (
        f"Latents in the order of their rates, job by job; rates below {LOWEST:g} are drawn there",
        unseen(len(found) - len(chosen), "arrays.npz of each job"),
    )
    parts = (grids.alike(material.runs), seeds([case for case, _ in panels]), *said)
    figure = canvas.paper(
        width,
        height,
        title=f"Rate of each latent by weight{alone}",
        foot=". ".join(part for part in parts if part) + ".",
        key=keys.height(key, width),
    )
    most = max(float(rates[0]) for _, spectra in panels for _, rates in spectra)
    places = figure.add_gridspec(rows, columns)
    for place, (case, spectra) in enumerate(panels):
        row, column = divmod(place, columns)
        axes = figure.add_subplot(places[row, column])
        axes.set_title(case.title)
        _panel(axes, spectra, colours)
        axes.set_ylim(LOWEST / 1.6, max(most, 1.0) * 2)
        if column == 0:
            axes.set_ylabel("rate (nats per datum)")
        axes.tick_params(labelleft=column == 0)
        if place + columns >= len(panels):
            axes.set_xlabel("rank of the latent")
    keys.draw(figure, key)
    layout.arrange(figure, bar=colours.bar(figure))
    return figure


def _read(material: Material, jobs: pd.DataFrame) -> list[Spectrum]:
    found = []
    for beta_norm, job_id in zip(jobs["beta_norm"], jobs["job_id"], strict=True):
        arrays = material.arrays(job_id)
        if RATES in arrays:
            found.append((float(beta_norm), np.sort(arrays[RATES].astype(float))[::-1]))
    return found


def _panel(axes: Axes, spectra: list[Spectrum], colours: WeightColours) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    strokes = looks.current().strokes
    axes.axhline(ACTIVE_NATS, color="#666666", linestyle=(0, (4, 3)), linewidth=strokes, zorder=1.5)
    for weight, rates in spectra:
        rank = np.arange(1, len(rates) + 1)
        marker = "o" if len(rates) <= MARKED else ""
        axes.plot(
            rank, np.maximum(rates, LOWEST), color=colours.of(weight), marker=marker, markersize=3 * strokes
        )
    most = max(len(rates) for _, rates in spectra)
    axes.set_xlim(1 - 0.04 * most, most * 1.04)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10]))


def _key(*, has_zero: bool) -> dict[str, Line2D]:
    active = Line2D([], [], color="#666666", linestyle=(0, (4, 3)), linewidth=looks.current().strokes)
    found = {f"{ACTIVE_NATS} nats, above which a latent counts in active_units_kl": active}
    return found | ({"beta_norm = 0": Line2D([], [], color=ZERO)} if has_zero else {})
