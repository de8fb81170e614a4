"""What each setting costs in seconds."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from klsweep.reporting.plots import canvas, grids, layout, looks
from klsweep.reporting.plots.material import Material, unseen

MOST = 16  # settings in the figure, the dearest


def cost(material: Material) -> Figure | None:
    """Seconds of training per job for each setting: the mean, and from the least to the most over weights and seeds.

    None where no finished job says.
    """
    spent = material.ok["train_seconds"].to_numpy(dtype=float, na_value=np.nan)
    timed = [(case, spent[case.rows][np.isfinite(spent[case.rows])]) for case in material.cases]
    timed = [(case, seconds) for case, seconds in timed if len(seconds)]
    if not timed:
        return None
    shown = sorted(timed, key=lambda each: -float(each[1].mean()))[:MOST]
    look = looks.current()
    width = look.alone[0]
    said = (
        "Points: mean of n jobs over weights and seeds; lines: from the least to the most. A job's time is that of the "
        "fleet it was trained in, divided by the fleet's members",
        _total(material.runs),
        unseen(len(timed) - len(shown), "train_seconds in runs.csv"),
    )
    parts = (grids.alike(material.runs), *said)
    names = [
        canvas.wrapped(f"{case.title or 'every job'} (n\u00a0=\u00a0{len(seconds)})", 0.42 * width)
        for case, seconds in shown
    ]
    lines = max(name.count("\n") for name in names) + 1
    figure = canvas.paper(
        width,
        (layout.LINE * lines + 0.7) * look.small / 72 * (len(shown) + 0.4) + 0.5,
        title="Cost of each setting",
        foot=". ".join(part for part in parts if part) + ".",
    )
    axes = figure.add_subplot(figure.add_gridspec(1, 1)[0, 0])
    rows = range(len(shown))
    least, mean, most = (np.array([of(seconds) for _, seconds in shown]) for of in (np.min, np.mean, np.max))
    axes.hlines(rows, least, most, color=canvas.COLOURS[0], linewidth=3 * look.strokes, alpha=0.4)
    axes.plot(mean, rows, color=canvas.COLOURS[0], marker="o", markersize=6 * look.strokes, linestyle="none")
    axes.set_yticks(rows, names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 1.05 * float(most.max()))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.set_xlabel("training time (seconds per job)")
    axes.grid(visible=False, axis="y")
    layout.arrange(figure)
    return figure


def _total(runs: pd.DataFrame) -> str:
    known = runs["train_seconds"].dropna()
    return f"All {len(known)} jobs together: {float(known.sum()):.4g} seconds"
