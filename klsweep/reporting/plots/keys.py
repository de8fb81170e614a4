"""The key of a figure: below its panels, one for all of them."""

from collections.abc import Collection, Mapping
from typing import Any

from matplotlib.figure import Figure

from klsweep.reporting.plots import canvas, layout, looks

HANDLE, TEXT_PAD, BETWEEN = 3.0, 0.8, 1.5
"""Font sizes: length of a line's sign, from there to its label, and from one column to the next."""


def height(labels: Collection[str], width: float) -> float:
    """Inches that a key of these labels needs on paper of this width."""
    if not labels:
        return 0.0
    lines = -(-len(labels) // _columns(labels, width))
    return lines * _line() + 0.06


def draw(figure: Figure, handles: Mapping[str, Any]) -> None:
    """Signs by label, above the foot; nothing for none."""
    if not handles:
        return
    columns = _columns(handles, float(figure.get_figwidth()))
    figure.legend(
        list(handles.values()),
        [canvas.escape(label) for label in handles],
        loc="lower center",
        bbox_to_anchor=(0.5, canvas.foot_top(figure)),
        borderaxespad=0,
        borderpad=0,
        labelspacing=0.3,
        ncols=min(columns, len(handles)),
        handlelength=HANDLE,
        handletextpad=TEXT_PAD,
        columnspacing=BETWEEN,
        frameon=False,
    )


def _columns(labels: Collection[str], width: float) -> int:
    size = looks.current().small
    around = (HANDLE + TEXT_PAD + BETWEEN) * size / 72
    widest = max(layout.width_of(canvas.escape(label), size) for label in labels)
    return max(1, int((width - 2 * canvas.EDGE) / (widest + around)))


def _line() -> float:
    return 1.7 * looks.current().small / 72
