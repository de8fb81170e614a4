"""Settings of a sweep as columns: which there are, which of them vary, and what to call a level."""

import re
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from klsweep.reporting import numbers
from klsweep.result import COLUMNS

IDENTITY = COLUMNS[: COLUMNS.index("theta") + 1]
"""What a job is. The other columns were measured."""

WEIGHTS = ("weight", "beta", "beta_norm", "theta")
"""The one weight of a job in every unit; never a line of its own in a plot."""

UNITS = ("beta_norm", "beta", "weight")
"""In which a job may give it; the first that serves is taken."""

INSIDE = re.compile(r"\.\D")
"""A dot before a name, which reaches inside a job's field, and no decimal point."""

NOT_SETTINGS = ("job_id", "status", "seed", "theta")
"""Identity, but not part of a setting: a setting is what the seeds have in common.

A learned variance, or an objective that finds its own weight, ends with another theta for every seed; where neither
does, theta follows from beta and likelihood, which are part of it.
"""


@dataclass(frozen=True)
class Factor:
    """One thing that varies: its columns (several where the first fixes the others) and its levels."""

    names: tuple[str, ...]
    levels: tuple[str, ...]
    codes: tuple[int, ...]
    """Index into `levels` for each row of the table it was made from."""


def is_setting(name: str) -> bool:
    """Whether a column is a job field that no fixed column shows: `train.lr`, and not `active_units_var_0.1`."""
    return INSIDE.search(name) is not None


def columns(table: pd.DataFrame) -> list[str]:
    """The columns of a table that make up a setting."""
    fixed = [name for name in IDENTITY if name not in NOT_SETTINGS]
    return fixed + [name for name in table.columns if is_setting(name)]


def constant(table: pd.DataFrame) -> dict[str, str]:
    """What is the same, and known, in every row, by column."""
    alike = [name for name in columns(table) if name not in WEIGHTS and _levels(table[name]) == 1]
    return {name: text(table[name].iloc[0]) for name in alike if not pd.isna(table[name].iloc[0])}


def varying(table: pd.DataFrame) -> list[str]:
    """The columns, weights apart, that have more than one value."""
    names = [name for name in columns(table) if name not in WEIGHTS and _levels(table[name]) > 1]
    if "input_dim" in names and _fixes(table, "dataset", "input_dim"):
        names.remove("input_dim")
    return names


def factors(table: pd.DataFrame) -> tuple[Factor, ...]:
    """What varies, with columns that move together joined, so that a product of levels is not inflated."""
    joined: dict[str, list[str]] = {}
    names = varying(table)
    levels = {name: _levels(table[name]) for name in names}
    for name in sorted(names, key=lambda name: -levels[name]):
        lead = next((other for other in joined if _fixes(table, other, name)), None)
        joined.setdefault(lead or name, []).append(name)
    return tuple(product(table, joined[name]) for name in names if name in joined)


def product(table: pd.DataFrame, names: list[str]) -> Factor:
    """The combinations of `names` that occur, in the order of the columns' own levels."""
    codes = [_codes(table[name]) for name in names]
    combinations = list(zip(*(code.tolist() for code in codes), strict=True)) if names else [()] * len(table)
    order = sorted(set(combinations))
    place = {combination: index for index, combination in enumerate(order)}
    rows = [place[combination] for combination in combinations]
    first = {code: row for row, code in reversed(list(enumerate(rows)))}
    labels = [", ".join(named(name, table[name].iloc[first[i]]) for name in names) for i in range(len(order))]
    return Factor(tuple(names), numbers.apart(labels), tuple(rows))


def named(name: str, value: object) -> str:
    """`latent_dim 10`, `schedule linear`: a level with the name of its column."""
    return f"{name} {text(value)}"


def text(value: object) -> str:
    """A setting's value in a label, on one line and without control characters."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "none"
    if isinstance(value, float | np.floating):
        return f"{float(value):.12g}"
    return "".join(char if char.isprintable() else " " for char in str(value))


def _levels(column: pd.Series) -> int:
    return int(column.nunique(dropna=False))


def _fixes(table: pd.DataFrame, name: str, other: str) -> bool:
    pairs = table[[name, other]].drop_duplicates()
    return len(pairs) == _levels(table[name])


def _codes(column: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Rank of each value: numbers by size, text in natural order, unknown last."""
    codes, values = pd.factorize(column, use_na_sentinel=True)
    order = sorted(range(len(values)), key=lambda index: numbers.natural(values[index]))
    rank = np.empty(len(values) + 1, dtype=np.intp)
    rank[order] = np.arange(len(values))
    rank[-1] = len(values)  # code -1, the unknown
    return rank[codes]


def order(table: pd.DataFrame, names: list[Hashable]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The positions that sort `table` by `names`, the first name slowest."""
    return np.lexsort([_codes(table[name]) for name in reversed(names)])
