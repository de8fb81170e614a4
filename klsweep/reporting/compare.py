"""Two sweeps, or two settings of one sweep, compared seed by seed.

Jobs of one seed share initial weights, batches and noise, so the difference within a pair has less scatter than the
numbers themselves. Settings that share no seed are not compared.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from klsweep.errors import KlsweepError
from klsweep.reporting import chosen, numbers, rows, settings, sheets, stats
from klsweep.reporting.stats import Paired
from klsweep.result import Status
from klsweep.store import Store, sweeps

FORMS = (
    "allowed: two sweeps (klsweep compare results/a results/b), or a sweep and two settings of it "
    "(klsweep compare results/a schedule=constant schedule=linear)"
)
REAL = 0.05  # after Holm's adjustment
LEAST_PAIRS = 3
"""Of two the scatter has one degree of freedom, and the t test stands or falls with the shape of the noise."""


@dataclass(frozen=True)
class Row:
    """One metric in one pair of settings: `paired` is of the second less the first."""

    setting: dict[str, str]
    metric: str
    first: float
    second: float
    paired: Paired
    is_real: bool
    """Whether the difference is told from 0 at 5 %, by Student's t with Holm's adjustment for all rows.

    Of fewer than `LEAST_PAIRS` pairs it never is.
    """


@dataclass(frozen=True)
class Comparison:
    """The paired table of two sides."""

    first: str
    second: str
    alike: dict[str, str]
    """Settings that every row has on both sides."""
    rows: tuple[Row, ...]
    unmatched: int
    """Settings of either side without a partner of the same seed."""
    tests: int
    """Rows of enough pairs to be marked, for which the marks are adjusted."""


def one_sweep(path: Path | str) -> Store:
    """The one sweep at a path; `StoreError` or `KlsweepError` where there is none, or several."""
    found = sweeps(Path(path))
    if len(found) > 1:
        names = ", ".join(str(store.path) for store in found)
        raise KlsweepError(f"{path}: holds {len(found)} sweeps: give one of them: {names}")
    return found[0]


def compare_paths(path: str, others: Sequence[str], metrics: Sequence[str] = ()) -> Comparison:
    """What the command line asks: another sweep, or two settings as `key=value,key=value`."""
    store = one_sweep(path)
    first = _finished(store)
    if len(others) == 1 and "=" not in others[0]:
        stores = (store, one_sweep(others[0]))
        one, other = _in_same_columns((first, _finished(stores[1])), stores)
        return compare((path, one), (others[0], other), metrics=metrics)
    first = stats.rounded(first)
    if len(others) != 2 or not all("=" in other for other in others):
        raise KlsweepError(f"{' '.join(others) or path}: there is nothing to compare it with: {FORMS}")
    filters = [chosen.filters(other, first) for other in others]
    sides = [(other, chosen.kept(first, each, other)) for other, each in zip(others, filters, strict=True)]
    return compare(sides[0], sides[1], metrics=metrics, apart={name for each in filters for name in each})


def compare(
    first: tuple[str, pd.DataFrame],
    second: tuple[str, pd.DataFrame],
    *,
    metrics: Sequence[str] = (),
    apart: Iterable[str] = (),
) -> Comparison:
    """Two named tables of finished runs, matched on every setting they can agree on but those `apart`.

    A column with one value on each side and not the same is what the sides differ in. Weights are matched in the
    unit that gives most pairs. `KlsweepError` where no setting and seed is on both sides.
    """
    one, other = first[1], second[1]
    asked = _metrics(metrics, one, other)
    keys = _keys(one, other, set(apart))
    unit = max(_units(set(apart)), key=lambda unit: len(_pairs(one, other, [*keys, *unit], asked)))
    keys = [*keys, *unit]
    for name, side in (first, second):
        _refuse_several(name, side, keys)
    pairs = _pairs(one, other, keys, asked)
    if pairs.empty:
        raise KlsweepError(
            f"{first[0]} and {second[0]}: no setting with the same seed is on both sides: compared are jobs that agree "
            f"in seed and {', '.join(keys)}"
        )
    found = list(_rows(pairs, keys, asked))
    tested = [row.paired.p if row.paired.n >= LEAST_PAIRS else math.nan for row in found]
    adjusted = stats.holm(tested)
    varying = [key for key in keys if pairs[key].nunique(dropna=False) > 1]
    settings_of = [len(side[keys].drop_duplicates()) for side in (one, other)]
    matched = len(pairs[keys].drop_duplicates()) if keys else 1
    return Comparison(
        first=first[0],
        second=second[0],
        alike={key: settings.text(pairs[key].iloc[0]) for key in keys if key not in varying},
        rows=tuple(
            Row(
                {key: row.setting[key] for key in varying},
                row.metric,
                row.first,
                row.second,
                row.paired,
                p < REAL,
            )
            for row, p in zip(found, adjusted, strict=True)
        ),
        unmatched=sum(settings_of) - 2 * matched if keys else 0,
        tests=sum(not math.isnan(p) for p in tested),
    )


def _finished(store: Store) -> pd.DataFrame:
    runs = rows.runs(store)
    runs = runs[runs["status"] == str(Status.OK)]
    if runs.empty:
        raise KlsweepError(f"{store.path}: no job has finished ok: there is nothing to compare")
    return runs


def _in_same_columns(
    sides: tuple[pd.DataFrame, pd.DataFrame], stores: tuple[Store, Store]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A setting that varies in one sweep alone has a column in its table alone; the other's jobs know it too."""
    names = {str(name) for side in sides for name in side.columns if settings.is_setting(str(name))}
    one, other = (
        rows.with_fields(side, store.records(), names) for side, store in zip(sides, stores, strict=True)
    )
    for name in names:
        if pd.api.types.is_numeric_dtype(one[name]) != pd.api.types.is_numeric_dtype(other[name]):
            one, other = (side.assign(**{name: side[name].map(settings.text)}) for side in (one, other))
    return stats.rounded(one), stats.rounded(other)


def _metrics(asked: Sequence[str], one: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    known = [name for name in stats.metrics(one) if name in stats.metrics(other)]
    if unknown := [name for name in asked if name not in known]:
        raise KlsweepError(f"--metric {unknown[0]}: no metric of both sides: allowed: {', '.join(known)}")
    return list(asked) or [name for name in sheets.METRICS if name in known]


def _keys(one: pd.DataFrame, other: pd.DataFrame, apart: set[str]) -> list[str]:
    """Setting columns on which rows are matched, weights left out."""
    shared = [name for name in settings.columns(one) if name in settings.columns(other)]
    names = [name for name in shared if name not in settings.WEIGHTS and name not in apart]
    return [name for name in names if not _differs(one[name], other[name])]


def _differs(one: "pd.Series[Any]", other: "pd.Series[Any]") -> bool:
    """One value on each side, and not the same."""
    values = [set(map(settings.text, column.unique())) for column in (one, other)]
    return values[0] != values[1] and len(values[0]) == len(values[1]) == 1


def _units(apart: set[str]) -> list[list[str]]:
    """In which unit weights may be matched: in none where the sides are told apart by their weights."""
    return [[]] if apart & set(settings.WEIGHTS) else [[unit] for unit in settings.UNITS]


def _pairs(one: pd.DataFrame, other: pd.DataFrame, keys: list[str], metrics: list[str]) -> pd.DataFrame:
    """One row per setting and seed on both sides, metrics with `_first` and `_second`."""
    sides = [side[[*keys, "seed", *metrics]].drop_duplicates([*keys, "seed"]) for side in (one, other)]
    return sides[0].merge(sides[1], on=[*keys, "seed"], suffixes=("_first", "_second"))


def _refuse_several(name: str, side: pd.DataFrame, keys: list[str]) -> None:
    """`KlsweepError` where two jobs of a side are one setting by `keys`; the same job in another unit is no other."""
    own = settings.columns(side)
    jobs = side.drop_duplicates([*own, "seed"])
    several = jobs[jobs.duplicated([*keys, "seed"], keep=False)]
    if several.empty:
        return
    _, alike = next(iter(several.groupby([*keys, "seed"], dropna=False, sort=False)))
    varying = {key: [settings.text(value) for value in alike[key].unique()] for key in own if key not in keys}
    said = [f"{key} ({', '.join(values)})" for key, values in varying.items() if len(values) > 1]
    raise KlsweepError(
        f"{name}: several jobs of one seed differ in {', '.join(said)}, and which is meant is not said: compare two "
        f"settings of one sweep, and name its value in both (klsweep compare SWEEP KEY=VALUE,... KEY=VALUE,...)"
    )


def _rows(pairs: pd.DataFrame, keys: list[str], metrics: list[str]) -> Iterable[Row]:
    grouped = pairs.groupby(keys, dropna=False, sort=False) if keys else [((), pairs)]
    steps = {metric: _step(pairs[[f"{metric}_first", f"{metric}_second"]]) for metric in metrics}
    short = {unit: numbers.distinct(pairs[unit]) for unit in keys if unit in settings.UNITS}
    for _, group in grouped:
        setting = {key: settings.text(group[key].iloc[0]) for key in keys}
        setting |= {unit: texts[group[unit].iloc[0]] for unit, texts in short.items()}
        for metric in metrics:
            known = group[[f"{metric}_first", f"{metric}_second"]].dropna()
            if known.empty:
                continue
            first, second = (known[column].to_numpy(dtype=float) for column in known.columns)
            paired = stats.paired(second - first, step=steps[metric])
            yield Row(setting, metric, float(first.mean()), float(second.mean()), paired, is_real=False)


def _step(columns: pd.DataFrame) -> float:
    """By what the values of a metric are apart: 1 for counts, else as it is seen."""
    if all(pd.api.types.is_integer_dtype(columns[name]) for name in columns):
        return 1.0
    return stats.step_of(columns.to_numpy(dtype=float, na_value=np.nan).ravel())
