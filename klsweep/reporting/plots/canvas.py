"""A figure's paper: size, title, foot, fonts and colours, and its bytes by kind of file."""

import io
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from klsweep.reporting import tables
from klsweep.reporting.plots import looks
from klsweep.reporting.plots.looks import SCREEN, Look

BOLD = 1.1  # width of a title's characters, in those of other text
COMPRESSED = 3  # of 9: a third larger than the usual 6, in half the time
EDGE = 0.08  # inches of white around everything

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
"""Okabe & Ito 2008, told apart with every kind of colour vision; its yellow, too pale on white, is grey here."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2, 1, 2)))


def _settings(look: Look) -> Any:
    return {
        "figure.dpi": 150,
        "font.size": look.normal,
        "axes.titlesize": look.small,
        "axes.titleweight": "bold",
        "axes.titley": 1.0,
        "axes.labelsize": look.normal,
        "xtick.labelsize": look.small,
        "ytick.labelsize": look.small,
        "legend.fontsize": look.small,
        "legend.title_fontsize": look.small,
        "axes.grid": True,
        "grid.color": "#E6E6E6",
        "grid.linewidth": 0.6 * look.strokes,
        "axes.linewidth": 0.8 * look.strokes,
        "axes.axisbelow": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "lines.linewidth": 1.4 * look.strokes,
        "lines.markersize": 4.5 * look.strokes,
        "text.hinting": "none",  # a fifth faster, and letters are as wide as layout takes them to be
        "svg.hashsalt": "klsweep",  # ids in the SVG then depend on its content alone
        "axes.formatter.useoffset": False,
        **look.settings,
    }


@contextmanager
def style(look: Look = SCREEN) -> Iterator[None]:
    """matplotlib's own defaults and those of `look`, whatever the user's matplotlibrc says."""
    token = looks.use(look)
    try:
        with mpl.rc_context(), warnings.catch_warnings():
            mpl.style.use("default")
            mpl.rcParams.update(_settings(look))
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            yield
    finally:
        looks.done(token)


def small() -> float:
    """Size of small text, in points."""
    return looks.current().small


def paper(width: float, height: float, *, title: str, foot: str, key: float = 0.0) -> Figure:
    """An empty figure: title, `height` inches of panels, `key` inches for a legend, and `foot` on its own lines.

    The panels' room is in its `subplotpars`. Where the look has no text, its label holds title and foot.
    """
    look = looks.current()
    lines = textwrap.wrap(foot, _characters(width - 2 * EDGE, look.small)) if look.has_text else []
    below = key + (1.4 * look.small * len(lines) + 6 * bool(lines)) / 72 + EDGE / 2
    above = (1.5 * look.large + 4) / 72 if look.has_text else EDGE / 2
    total = height + below + above
    figure = Figure(figsize=(width, total), label=f"{title}. {foot}")
    figure.subplots_adjust(
        left=EDGE / width, right=1 - EDGE / width, bottom=below / total, top=1 - above / total
    )
    if look.has_text:
        at = {"va": "top", "fontsize": look.large, "fontweight": "bold"}
        figure.text(EDGE / width, 1 - 4 / 72 / total, escape(title), **at)  # type: ignore[arg-type]
        at = {"va": "bottom", "fontsize": look.small, "color": "#444444", "linespacing": 1.4}
        figure.text(EDGE / width, 4 / 72 / total, escape("\n".join(lines)), **at)  # type: ignore[arg-type]
    return figure


def foot_top(figure: Figure) -> float:
    """Height of the foot's upper edge, as a share of the figure's."""
    if not looks.current().has_text:
        return EDGE / 2 / figure.get_figheight()
    lines = str(figure.texts[1].get_text()).count("\n") + 1
    return (1.4 * small() * lines + 6) / 72 / figure.get_figheight()


def images(figure: Figure, *, is_raster: bool = False) -> dict[str, bytes]:
    """The figure by file ending; the same figure gives the same bytes. A raster has no SVG, which would be huge.

    Every canvas draws once. `savefig` would draw everything twice.
    """
    found: dict[str, bytes] = {}
    look, dpi = looks.current(), figure.dpi
    for kind in look.kinds:
        if kind == "svg" and is_raster:
            continue
        figure.dpi = dpi if kind == "png" else 72  # points, as vector formats count
        found[kind] = WRITERS[kind](figure)
    figure.dpi = dpi
    if not look.has_text:
        caption = tables.latex_text(str(figure.get_label()))
        found["tex"] = f"\\caption{{{caption}}}\n".encode(errors="replace")
    return found


def _png(figure: Figure) -> bytes:
    """Without the alpha that nothing has, and in grey where there is no colour: half the size in half the time."""
    canvas = cast("Any", FigureCanvasAgg(figure))
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    is_grey = bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all())
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if is_grey else pixels[..., :3]))
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=COMPRESSED, dpi=(figure.dpi, figure.dpi))
    return file.getvalue()


def _svg(figure: Figure) -> bytes:
    file, canvas = io.BytesIO(), cast("Any", FigureCanvasSVG(figure))
    canvas.print_svg(file, metadata={"Date": None})
    return file.getvalue()


def _pdf(figure: Figure) -> bytes:
    from matplotlib.backends.backend_pdf import FigureCanvasPdf  # a fifth of a second, for paper alone

    file, canvas = io.BytesIO(), cast("Any", FigureCanvasPdf(figure))
    canvas.print_pdf(file, metadata={"CreationDate": None})
    return file.getvalue()


WRITERS: dict[str, Callable[[Figure], bytes]] = {"png": _png, "svg": _svg, "pdf": _pdf}
"""The files of a figure by their ending."""


def escape(label: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return label.replace("$", r"\$")


def wrapped(label: str, inches: float) -> str:
    """Each line of a title on as many lines as `inches` ask for, at most three."""
    room = max(12, _characters(inches, BOLD * small()))
    parts = (textwrap.wrap(line, room, max_lines=3, placeholder=" …") for line in label.split("\n"))
    return escape("\n".join(line for part in parts for line in part))


def _characters(inches: float, size: float) -> int:
    return int(inches * 72 / (looks.current().em * size))
