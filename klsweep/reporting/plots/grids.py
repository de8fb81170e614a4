"""Which panel and which line every row of a summary belongs to."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd

from klsweep.reporting import numbers, settings, sheets
from klsweep.reporting.plots import looks
from klsweep.reporting.settings import Factor

Key = TypeVar("Key", int, tuple[int, int])

LINES = 6  # in one panel; more are hard to tell apart
APART = ("dataset", "likelihood")
"""Distortions under different values of these are not comparable: they never share a panel."""


@dataclass(frozen=True)
class Line:
    """The weights of one setting, in order of beta_norm; `style` is its colour in every panel."""

    label: str
    style: int
    points: pd.DataFrame


@dataclass(frozen=True)
class Panel:
    """One pair of axes. Panels of the same `scale` may be compared by eye, so they get the same limits."""

    title: str
    row: int
    column: int
    scale: int
    lines: tuple[Line, ...]

    @cached_property
    def points(self) -> pd.DataFrame:
        """The rows of all its lines."""
        return pd.concat([line.points for line in self.lines])


@dataclass(frozen=True)
class Grid:
    """Small multiples of a summary."""

    rows: int
    columns: int
    panels: tuple[Panel, ...]
    legend: tuple[str, ...]
    """The label of each style; empty where there is one line only."""
    left_out: int
    """Lines for which there was no panel."""

    @cached_property
    def of_scale(self) -> dict[int, pd.DataFrame]:
        """The points of all panels of the same scale."""
        scales = {panel.scale for panel in self.panels}
        return {
            scale: pd.concat([panel.points for panel in self.panels if panel.scale == scale])
            for scale in scales
        }


def grid(summary: pd.DataFrame, *, lines: int = LINES, columns: int = 0) -> Grid:
    """Panels of at most `lines` lines: the colour takes the factor with most levels that fits, panels the rest.

    `columns` is how many stand side by side, 0 as many as the look has.
    """
    columns, most = columns or looks.current().columns, looks.current().rows
    found = settings.factors(summary)
    colour, beside, below = _roles(summary, found, lines=lines, columns=columns)
    scale = settings.product(summary, [name for name in APART if name in settings.varying(summary)])
    at = [
        _place(*pair, beside=len(beside.levels), columns=columns)
        for pair in zip(beside.codes, below.codes, strict=True)
    ]
    panels, left_out = [], 0
    for (row, column), rows in _positions(at).items():
        styles = _positions([colour.codes[position] for position in rows])
        drawn = [(code, [rows[i] for i in where]) for code, where in styles.items()]
        if row >= most:
            left_out += len(drawn)
            continue
        parts = beside.levels[beside.codes[rows[0]]], below.levels[below.codes[rows[0]]]
        title = ", ".join(part for part in parts if part)
        content = tuple(
            Line(colour.levels[code], code, _ordered(summary.iloc[which])) for code, which in drawn
        )
        panels.append(Panel(title, row, column, scale.codes[rows[0]], content))
    legend = colour.levels if len(colour.levels) > 1 else ()
    rows_used = max(panel.row for panel in panels) + 1
    return Grid(rows_used, max(panel.column for panel in panels) + 1, tuple(panels), legend, left_out)


def _roles(
    summary: pd.DataFrame, found: tuple[Factor, ...], *, lines: int, columns: int
) -> tuple[Factor, Factor, Factor]:
    """(colour, beside, below): all factors, each in exactly one role."""
    free = [factor for factor in found if not set(factor.names) & set(APART)]
    fixed = [factor for factor in found if set(factor.names) & set(APART)]
    everything = _joined(summary, free)
    if len(everything.levels) <= lines:
        colour, rest = everything, []
    else:
        fitting = [factor for factor in free if len(factor.levels) <= lines]
        best = max(fitting, key=lambda factor: len(factor.levels), default=None)
        colour = best or _joined(summary, [])
        rest = [factor for factor in free if factor is not best]
    panels = sorted([*fixed, *rest], key=lambda factor: (len(factor.levels) > columns, -len(factor.levels)))
    return colour, _joined(summary, panels[:1]), _joined(summary, panels[1:])


def _joined(summary: pd.DataFrame, parts: list[Factor]) -> Factor:
    return settings.product(summary, [name for factor in parts for name in factor.names])


def _positions(keys: Sequence[Key]) -> dict[Key, list[int]]:
    """Where each key occurs, smallest key first."""
    found: dict[Key, list[int]] = {}
    for position, key in enumerate(keys):
        found.setdefault(key, []).append(position)
    return dict(sorted(found.items()))


def _place(right: int, down: int, *, beside: int, columns: int) -> tuple[int, int]:
    """(row, column): one column per level beside, or wrapped at the edge of the paper."""
    if beside <= columns:
        return down, right
    return down * -(-beside // columns) + right // columns, right % columns


def _ordered(points: pd.DataFrame) -> pd.DataFrame:
    by: list[Hashable] = ["beta_norm", "weight"]
    return points.iloc[settings.order(points, by)]


def seeds(summary: pd.DataFrame) -> str:
    """`n = 3 seeds per point`: how many jobs every mean rests on."""
    low, high = int(summary["n"].min()), int(summary["n"].max())
    if high == 1:
        return "n = 1 seed per point, so no interval"
    n = f"{low}" if low == high else f"{low} to {high}"
    return f"n = {n} seeds per point; intervals: 95 % over seeds"


def alike(table: pd.DataFrame) -> str:
    """What is the same in every row, long names shortened."""
    return ", ".join(f"{name} {numbers.short(value, 60)}" for name, value in settings.constant(table).items())


def foot(drawn: pd.DataFrame, whole: pd.DataFrame, *said: str) -> str:
    """What is constant, how many seeds, and what is missing from the figure."""
    lost = [
        f"{int(whole[f'n_{how}'].sum())} {how}" for how in ("diverged", "failed") if whole[f"n_{how}"].any()
    ]
    missing = f"Left out: {' and '.join(lost)} jobs" if lost else ""
    unnormalised = sheets.UNNORMALISED.capitalize() if sheets.is_unnormalised(drawn) else ""
    sentences = (alike(whole), seeds(drawn), *said, missing, unnormalised)
    return ". ".join(sentence for sentence in sentences if sentence) + "."


def finished(summary: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """The rows whose weight and `metrics` are known numbers."""
    needed = summary[["beta_norm", *metrics]].astype("float64")
    found: pd.DataFrame = summary.loc[np.isfinite(needed.to_numpy()).all(axis=1)]
    return found
