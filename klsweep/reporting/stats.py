"""Statistics over seeds: one row per setting with mean, standard deviation and 95 % interval."""

import numpy as np
import pandas as pd
from scipy import special

from klsweep.reporting import settings
from klsweep.result import Status

LEVEL = 0.95
KEY_DIGITS = 12  # of a float in a setting, as in a job's canonical JSON: one ulp makes no other setting


def metrics(runs: pd.DataFrame) -> list[str]:
    """The measured columns that are numbers."""
    measured = [name for name in runs.columns if name not in settings.IDENTITY and "." not in name]
    return [name for name in measured if pd.api.types.is_numeric_dtype(runs[name])]


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per setting, in the order of the runs.

    `n` finished, `n_diverged`, `n_failed`; of each metric the mean over the finished, `_sd` (one degree of
    freedom lost) and `_ci95`, the half width t(0.975, n-1) * sd / sqrt(n). Both are missing where n is 1.
    """
    keys = _keys(runs)
    setting = keys.groupby(list(keys.columns), dropna=False, sort=False).ngroup().rename("setting")
    rows = keys.groupby(setting).head(1).reset_index(drop=True)
    once = ~pd.concat([setting, runs[["seed", "status"]]], axis=1).duplicated()
    status = runs["status"][once]
    count = pd.crosstab(setting[once], status).reindex(index=range(len(rows)), fill_value=0)
    counts = pd.DataFrame({"n": _count(count, Status.OK), "n_diverged": _count(count, Status.DIVERGED)})
    counts["n_failed"] = count.sum(axis=1).to_numpy() - counts["n"] - counts["n_diverged"]
    ok = once & (runs["status"] == str(Status.OK))
    estimates = _estimates(runs.loc[ok, metrics(runs)], setting[ok], len(rows))
    return pd.concat([rows, counts, estimates], axis=1)


def repeats(runs: pd.DataFrame) -> int:
    """Jobs that repeat another job's setting and seed, its weight given in another unit; counted once."""
    return int(pd.concat([_keys(runs), runs[["seed", "status"]]], axis=1).duplicated().sum())


def _keys(runs: pd.DataFrame) -> pd.DataFrame:
    """The setting columns, floats rounded to `KEY_DIGITS` significant digits."""
    keys = runs[settings.columns(runs)]
    floats = [name for name in keys.columns if pd.api.types.is_float_dtype(keys[name])]
    return keys.assign(
        **{name: keys[name].map(lambda value: float(f"{value:.{KEY_DIGITS}g}")) for name in floats}
    )


def _count(count: pd.DataFrame, status: Status) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    if str(status) not in count.columns:
        return np.zeros(len(count), dtype=np.int64)
    return count[str(status)].to_numpy(dtype=np.int64)


def _estimates(values: pd.DataFrame, setting: "pd.Series[int]", settings_total: int) -> pd.DataFrame:
    grouped = values.astype("float64").groupby(setting)
    every = range(settings_total)
    mean, sd, n = (table.reindex(every) for table in (grouped.mean(), grouped.std(ddof=1), grouped.count()))
    quantile = special.stdtrit(np.maximum(n.fillna(0).to_numpy() - 1, 1), (1 + LEVEL) / 2)  # Student's t
    half_width = sd * quantile / np.sqrt(n)
    found: dict[str, pd.Series[float]] = {}
    for name in values.columns:
        found |= {name: mean[name], f"{name}_sd": sd[name], f"{name}_ci95": half_width[name]}
    return pd.DataFrame(found, index=pd.RangeIndex(settings_total))
