"""Statistics over seeds: one row per setting with mean, standard deviation and 95 % interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from klsweep.reporting import settings
from klsweep.result import Status

LEVEL = 0.95
STEP_DIGITS = 6  # shares of a million data have no more
KEY_DIGITS = 12  # of a float in a setting, as in a job's canonical JSON: one ulp makes no other setting


def metrics(runs: pd.DataFrame) -> list[str]:
    """The measured columns that are numbers."""
    measured = [
        name for name in runs.columns if name not in settings.IDENTITY and not settings.is_setting(name)
    ]
    return [name for name in measured if pd.api.types.is_numeric_dtype(runs[name])]


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per setting, in the order of the runs; `theta` is the mean over the finished, or else over all.

    `n` finished, `n_diverged`, `n_failed`; of each metric the mean over the finished, `_sd` (one degree of
    freedom lost) and `_ci95`, the half width t(0.975, n-1) * sd / sqrt(n). Both are missing where n is 1. Of whole
    numbers, known to half a unit, sd is taken as no less than sqrt(1/12) there: seeds that agree are no proof.
    """
    setting = settings_of(runs)
    rows = _keys(runs).groupby(setting).head(1).reset_index(drop=True)
    once = ~pd.concat([setting, runs[["seed", "status"]]], axis=1).duplicated()
    status = runs["status"][once]
    count = pd.crosstab(setting[once], status).reindex(index=range(len(rows)), fill_value=0)
    counts = pd.DataFrame({"n": _count(count, Status.OK), "n_diverged": _count(count, Status.DIVERGED)})
    counts["n_failed"] = count.sum(axis=1).to_numpy() - counts["n"] - counts["n_diverged"]
    ok = once & (runs["status"] == str(Status.OK))
    theta = runs["theta"].where(ok | ~ok.groupby(setting).transform("any"))
    place = rows.columns.to_list().index("beta_norm") + 1
    rows.insert(place, "theta", _rounded(theta.groupby(setting).mean()))
    estimates = _estimates(runs.loc[ok, metrics(runs)], setting[ok], len(rows))
    return pd.concat([rows, counts, estimates], axis=1)


def settings_of(runs: pd.DataFrame) -> "pd.Series[int]":
    """The row of the summary that each run belongs to."""
    keys = _keys(runs)
    return keys.groupby(list(keys.columns), dropna=False, sort=False).ngroup().rename("setting")


def over_seeds(values: pd.DataFrame) -> "pd.Series[float]":
    """Mean, `_sd` and `_ci95` of every column of [seed, metric], as in the summary."""
    return _estimates(values, pd.Series(0, index=values.index), 1).iloc[0]


@dataclass(frozen=True)
class Paired:
    """The mean of n differences within pairs, half its 95 % interval by Student's t, and the two-sided p value."""

    n: int
    difference: float
    half_width: float
    p: float
    """NaN, as the half width, where n is 1."""


def paired(
    differences: "Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]", *, step: float = 0.0
) -> Paired:
    """Statistics of differences within pairs that share a seed.

    `step`: of what the numbers are multiples, 1 for counts, 1/n for shares of n. They are known to half of it each,
    and the scatter is taken as no less than that of the rounding of two, step * sqrt(2/12), so that pairs alike by
    chance are no proof.
    """
    values = np.asarray(differences, dtype=float)
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Paired(n, mean, math.nan, math.nan)
    sd = max(float(np.std(values, ddof=1)), step * math.sqrt(2 / 12))
    error = sd / math.sqrt(n)
    half_width = float(special.stdtrit(n - 1, (1 + LEVEL) / 2)) * error
    if error == 0:
        return Paired(n, mean, 0.0, 1.0 if mean == 0 else 0.0)
    return Paired(n, mean, half_width, float(2 * special.stdtr(n - 1, -abs(mean) / error)))


def step_of(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    """The largest step by which all the values are apart: 1/360 of shares of 360, next to 0 of real numbers.

    Euclid's algorithm on their gaps, down to `STEP_DIGITS` digits of the widest.
    """
    gaps = np.diff(np.unique(values[np.isfinite(values)]))
    if not len(gaps):
        return 0.0
    nothing = float(gaps.sum()) * 10.0**-STEP_DIGITS
    step = 0.0
    for gap in gaps.tolist():
        larger, smaller = max(step, gap), min(step, gap)
        while smaller > nothing:
            larger, smaller = smaller, abs(larger - smaller * round(larger / smaller))
        step = larger
    return step


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for being many (Holm 1979): below 0.05 there, any false one among them has 5 % chance.

    NaN, which tests nothing, stays NaN and is not counted.
    """
    tested = [place for place, p in enumerate(p_values) if not math.isnan(p)]
    adjusted = list(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(tested, key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(tested) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def rounded(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with settings that are floats rounded to `KEY_DIGITS` significant digits, so that equal ones match."""
    keys = _keys(runs)
    return runs.assign(**{str(name): keys[name] for name in keys.columns})


def repeats(runs: pd.DataFrame) -> int:
    """Jobs that repeat another job's setting and seed, its weight given in another unit; counted once."""
    return int(pd.concat([_keys(runs), runs[["seed", "status"]]], axis=1).duplicated().sum())


def _keys(runs: pd.DataFrame) -> pd.DataFrame:
    """The setting columns, floats rounded to `KEY_DIGITS` significant digits."""
    keys = runs[settings.columns(runs)]
    floats = [name for name in keys.columns if pd.api.types.is_float_dtype(keys[name])]
    return keys.assign(**{name: _rounded(keys[name]) for name in floats})


def _rounded(values: "pd.Series[float]") -> "pd.Series[float]":
    return values.map(lambda value: float(f"{value:.{KEY_DIGITS}g}"))


def _count(count: pd.DataFrame, status: Status) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    if str(status) not in count.columns:
        return np.zeros(len(count), dtype=np.int64)
    return count[str(status)].to_numpy(dtype=np.int64)


def _estimates(values: pd.DataFrame, setting: "pd.Series[int]", settings_total: int) -> pd.DataFrame:
    grouped = values.astype("float64").groupby(setting)
    every = range(settings_total)
    mean, sd, n = (table.reindex(every) for table in (grouped.mean(), grouped.std(ddof=1), grouped.count()))
    quantile = special.stdtrit(np.maximum(n.fillna(0).to_numpy() - 1, 1), (1 + LEVEL) / 2)  # Student's t
    whole = [name for name in values.columns if pd.api.types.is_integer_dtype(values[name])]
    least = sd.assign(**{name: sd[name].clip(lower=math.sqrt(1 / 12)) for name in whole})
    half_width = least.mul(quantile / np.sqrt(n))
    found: dict[str, pd.Series[float]] = {}
    for name in values.columns:
        found |= {name: mean[name], f"{name}_sd": sd[name], f"{name}_ci95": half_width[name]}
    return pd.DataFrame(found, index=pd.RangeIndex(settings_total))
