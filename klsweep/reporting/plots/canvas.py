"""A figure's paper: size, title, foot, fonts and colours, and its bytes as PNG and SVG."""

import io
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

DPI = 150
SMALL, NORMAL, LARGE = 8, 9, 11  # points
CHARS_PER_INCH = 14.5  # of the small font, DejaVu Sans, whose characters are 0.6 em wide on average

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
"""Okabe & Ito 2008, told apart with every kind of colour vision; its yellow, too pale on white, is grey here."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2, 1, 2)))

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "figure.titlesize": LARGE,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "svg.hashsalt": "klsweep",  # ids in the SVG then depend on its content alone
    "axes.formatter.useoffset": False,
}


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's own defaults and `STYLE`, whatever the user's matplotlibrc says."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.style.use("default")
        mpl.rcParams.update(STYLE)
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def paper(width: float, height: float, *, title: str, foot: str, key: float = 0.0) -> Figure:
    """An empty figure: title, `height` inches of panels, `key` inches for a legend, and `foot` on its own lines."""
    lines = textwrap.wrap(foot, int(CHARS_PER_INCH * width))
    below = key + (1.4 * SMALL * len(lines) + 6) / 72
    above = (1.5 * LARGE + 4) / 72
    total = height + below + above
    layout = ConstrainedLayoutEngine(
        rect=(0, below / total, 1, 1 - (below + above) / total),
        w_pad=0.08,
        h_pad=0.08,
        hspace=0.03,
        wspace=0.03,
    )
    figure = Figure(figsize=(width, total), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    inset = 0.08 / width
    figure.text(inset, 1 - 4 / 72 / total, escape(title), va="top", fontsize=LARGE, fontweight="bold")
    figure.text(
        inset,
        4 / 72 / total,
        escape("\n".join(lines)),
        va="bottom",
        fontsize=SMALL,
        color="#444444",
        linespacing=1.4,
    )
    return figure


def foot_top(figure: Figure) -> float:
    """Height of the foot's upper edge, as a share of the figure's."""
    lines = str(figure.texts[-1].get_text()).count("\n") + 1
    return (1.4 * SMALL * lines + 6) / 72 / figure.get_figheight()


def freeze(figure: Figure) -> None:
    """Lay the figure out, once: every saving would do it again, and it costs more than the drawing."""
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def images(figure: Figure) -> dict[str, bytes]:
    """The figure by file ending; the same figure gives the same bytes."""
    freeze(figure)
    found = {}
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata=metadata)
        found[kind] = file.getvalue()
    return found


def escape(label: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return label.replace("$", r"\$")


def wrapped(label: str, inches: float) -> str:
    """The label on as many lines as `inches` ask for, at most three."""
    lines = textwrap.wrap(label, max(12, int(CHARS_PER_INCH * inches)), max_lines=3, placeholder=" …")
    return escape("\n".join(lines))
