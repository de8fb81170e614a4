"""Panels on the paper: each as large as the labels around them allow, from the widths of their texts.

matplotlib's own layouts measure every text of a figure several times, which takes longer than drawing it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.markers import TICKUP
from matplotlib.textpath import text_to_path

from klsweep.reporting.plots import canvas

HALF = 0.6  # of a tick label beyond the end of its axis, in font sizes
LINE = 1.25  # height of a line of text, in font sizes
SPACING = 1.1  # of the lines of a title or a name
TICK, PAD = (
    3.5 + 3.0,
    3.0,
)  # points: a tick with its gap to the label, and the gap from there to the axis' name
BAR = 0.11  # inches: width of a colour bar
SECOND, SECOND_NAME, ROW = "second axis", "name of the second axis", "name of a row"
"""Marks of what a second axis is made of, and of the names of an image's rows."""

BETWEEN = 0.10  # inches between neighbours, beside what their labels take


@dataclass(frozen=True)
class Needs:
    """Inches of text around one pair of axes; ticks apart from the names of the axes."""

    left: float
    right: float
    bottom: float
    above: float
    """Ticks and name of a second axis."""


def second_axis(axes: Axes, ticks: Mapping[float, str], name: str) -> None:
    """Ticks on top, by their place on the axis below, and a name unless it is empty.

    matplotlib's own second axis is a whole pair of axes, and as slow as one.
    """
    size, colour = canvas.small(), "#666666"
    top: Any = axes.get_xaxis_transform()
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_color("#BBBBBB")
    low, high = axes.get_xlim()
    inside = {place: text for place, text in ticks.items() if low <= place <= high}
    axes.plot(
        list(inside),
        [1.0] * len(inside),
        transform=top,
        clip_on=False,
        linestyle="none",
        marker=TICKUP,
        markersize=TICK - 3.0,
        color=colour,
        gid=SECOND,
    )
    at: Any = {"xycoords": top, "textcoords": "offset points", "ha": "center", "va": "bottom"}
    for place, text in inside.items():
        axes.annotate(text, (place, 1), (0, TICK - 2), fontsize=size, color=colour, gid=SECOND, **at)
    if name:
        at["xycoords"] = "axes fraction"
        up = TICK - 2 + LINE * size
        axes.annotate(name, (0.5, 1), (0, up), fontsize=size, color=colour, gid=SECOND_NAME, **at)


def row_names(axes: Axes, names: Mapping[float, str]) -> None:
    """Names at the left of an image, by their height in it, and no axes at all."""
    axes.set_axis_off()
    at: Any = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "ha": "right"}
    for place, text in names.items():
        axes.annotate(text, (0, place), (-PAD, 0), va="center", fontsize=canvas.small(), gid=ROW, **at)


def arrange(figure: Figure, *, bar: Axes | None = None) -> None:
    """Set the positions of all subplots, of their axis names and a colour bar at the right, and wrap their titles."""
    width, height = (float(inches) for inches in figure.get_size_inches())
    room = figure.subplotpars
    placed = [(axes, spec) for axes in figure.axes if (spec := axes.get_subplotspec()) is not None]
    needs = {axes: _needs(axes) for axes, _ in placed}
    grid = placed[0][1].get_gridspec()
    columns = [[axes for axes, spec in placed if spec.colspan.start == c] for c in range(grid.ncols)]
    rows = [[axes for axes, spec in placed if spec.rowspan.start == r] for r in range(grid.nrows)]
    lefts = [max((needs[axes].left for axes in each), default=0.0) for each in columns]
    rights = [max((needs[axes].right for axes in each), default=0.0) + BETWEEN / 2 for each in columns]
    beside = 0.0 if bar is None else BAR + BETWEEN + _ticks(bar.yaxis) + _name(bar.yaxis)
    across = (room.right - room.left) * width - beside
    x, wide = _shares(across, lefts, rights, grid.get_width_ratios())
    for each, inches in zip(columns, wide, strict=True):
        for axes in each:
            axes.set_title(canvas.wrapped(axes.get_title(), inches + BETWEEN))
    tops = [
        max((needs[axes].above + _title(axes) for axes in each), default=0.0) + BETWEEN / 2 for each in rows
    ]
    bottoms = [max((needs[axes].bottom for axes in each), default=0.0) for each in rows]
    down = (room.top - room.bottom) * height
    y, high = _shares(down, tops, bottoms, grid.get_height_ratios())
    start, top = room.left * width, room.top * height
    for axes, spec in placed:
        c, r = spec.colspan.start, spec.rowspan.start
        left, low = start + x[c], top - y[r] - high[r]
        axes.set_position((left / width, low / height, wide[c] / width, high[r] / height))
        _set_names(axes, (wide[c], high[r]), lefts[c])
    if bar is not None:
        low = top - y[-1] - high[-1]
        bar.set_position(
            ((start + across + BETWEEN / 2) / width, low / height, BAR / width, (top - y[0] - low) / height)
        )
        _beside(bar.yaxis, (BAR + _ticks(bar.yaxis) + _name(bar.yaxis) / 2) / BAR)


def _shares(
    room: float, before: list[float], after: list[float], ratios: Any
) -> tuple[list[float], list[float]]:
    """Where each column begins, from the edge, and how wide it is."""
    free = max(room - sum(before) - sum(after), 0.1 * room)
    sizes = [free * ratio / sum(ratios) for ratio in ratios]
    ends = list(accumulate(a + size + b for a, size, b in zip(before, sizes, after, strict=True)))
    starts = [end - size - b for end, size, b in zip(ends, sizes, after, strict=True)]
    return starts, sizes


def _needs(axes: Axes) -> Needs:
    has_ticks = axes.xaxis.get_tick_params().get("labelbottom", True)
    texts = _texts(axes.xaxis) if has_ticks else []
    if not axes.axison:
        names = [width_of(text.get_text(), canvas.small()) for text in axes.texts if text.get_gid() == ROW]
        return Needs(left=max(names, default=0.0) + PAD / 72, right=0.0, bottom=0.0, above=0.0)
    return Needs(
        left=_ticks(axes.yaxis) + _name(axes.yaxis),
        right=width_of(texts[-1], canvas.small()) / 2 if texts and not _rotation(axes.xaxis) else 0.0,
        bottom=(_ticks(axes.xaxis) + _name(axes.xaxis)) or HALF * canvas.small() / 72,
        above=_above(axes) or HALF * canvas.small() / 72,
    )


def _title(axes: Axes) -> float:
    text = str(axes.get_title())
    return _lines(text, canvas.small()) + PAD / 72 if text else 0.0


def _set_names(axes: Axes, size: tuple[float, float], left: float) -> None:
    """Title and names of the axes where they belong, so that matplotlib need not look for room."""
    wide, high = size
    axes.set_title(axes.get_title(), pad=_above(axes) * 72 + PAD, linespacing=SPACING)
    axes.yaxis.set_label_coords(-(left - PAD / 2 / 72) / wide, 0.5)
    axes.yaxis.label.set(verticalalignment="top", linespacing=SPACING)
    axes.xaxis.set_label_coords(0.5, -(_ticks(axes.xaxis) + PAD / 72) / high)


def _above(axes: Axes) -> float:
    """Inches that a second axis takes."""
    lines = {text.get_gid() for text in axes.texts} & {SECOND, SECOND_NAME}
    return (TICK - 2 + LINE * canvas.small() * len(lines)) / 72 if lines else 0.0


def _beside(axis: YAxis, x: float) -> None:
    axis.set_label_coords(x, 0.5)
    axis.label.set_verticalalignment("center")


def _ticks(axis: XAxis | YAxis) -> float:
    """Inches from the axis to the far end of its tick labels."""
    shown = axis.get_tick_params()
    sides = ("left", "right") if axis.axis_name == "y" else ("bottom", "top")
    if not axis.get_visible() or not any(shown.get(f"label{side}", False) for side in sides):
        return 0.0
    texts = [text for text in _texts(axis) if text]
    if not texts:
        return 0.0
    if axis.axis_name == "x" and not _rotation(axis):
        return TICK / 72 + max(_lines(text, canvas.small()) for text in texts)
    widest = max(width_of(text, canvas.small()) for text in texts)
    return TICK / 72 + widest * (0.75 if _rotation(axis) else 1.0)


def _texts(axis: XAxis | YAxis) -> list[str]:
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    inside = [at for at in axis.get_majorticklocs() if low - slack <= at <= high + slack]
    return list(axis.get_major_formatter().format_ticks(inside))


def _rotation(axis: XAxis | YAxis) -> float:
    return float(axis.get_major_ticks(1)[0].label1.get_rotation()) if axis.axis_name == "x" else 0.0


def _name(axis: XAxis | YAxis) -> float:
    """Inches that the axis' name takes across."""
    text = str(axis.label.get_text())
    return _lines(text, float(axis.label.get_fontsize())) + PAD / 72 if text else 0.0


def _lines(text: str, size: float) -> float:
    return LINE * size * (text.count("\n") + 1) / 72


def width_of(text: str, size: float) -> float:
    """Inches of the widest line."""
    family = tuple(mpl.rcParams["font.family"])
    return max(_line_width(line, size, family) for line in text.split("\n"))


@lru_cache(maxsize=4096)
def _line_width(text: str, size: float, family: tuple[str, ...]) -> float:
    """Inches."""
    properties = FontProperties(family=list(family), size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(text, properties, text.count("$") >= 2)
    return float(width) / 72
