"""What a verdict is made from: finished and lost jobs, with the last validation numbers of each."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from klsweep.reporting import settings
from klsweep.store import Store

VALIDATED = ("valid_distortion_nats", "valid_rate_nats", "valid_active_units")
"""Of the last epoch in curve.csv: unweighted, at sampled z, in nats per datum; and how many latents are active."""


def evidence(store: Store, runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, with validation numbers, the unit of each weight and no reduction where it changes nothing.

    `valid_elbo_nats` = -(distortion + rate); `unit` is how the job gives its weight; `pooled` marks jobs whose
    reduction only rescales the gradient, and Adam divides that scale out.
    """
    jobs = {record.job_id: record.job for record in store.records()}
    last = [_validated(store.last_epoch(job_id)) for job_id in runs["job_id"]]
    found: dict[str, pd.Series[Any]] = {
        name: pd.Series([row[name] for row in last], dtype="float64") for name in VALIDATED
    }
    found[VALIDATED[2]] = found[VALIDATED[2]].astype("Int64")  # counts, as those of the test split
    elbo = -(found[VALIDATED[0]] + found[VALIDATED[1]])
    known = [jobs[job_id] for job_id in runs["job_id"]]
    return runs.assign(
        **found,
        valid_elbo_nats=elbo,
        unit=[next((unit for unit in settings.UNITS if unit in job), "") for job in known],
        pooled=[_is_free_of_scale(job) for job in known],
    )


def group_columns(table: pd.DataFrame) -> list[str]:
    """What the jobs of one verdict have in common: every setting but the weight and the reduction."""
    apart = (*settings.WEIGHTS, "reduction")
    return [name for name in settings.columns(table) if name not in apart]


def _validated(row: Mapping[str, float | None]) -> dict[str, float]:
    values = {name: row.get(name) for name in VALIDATED}
    return {name: math.nan if value is None else float(value) for name, value in values.items()}


def _is_free_of_scale(job: Mapping[str, Any]) -> bool:
    """Whether a factor on the whole loss leaves the training as it is, up to the epsilon of Adam."""
    train = job.get("train", {})
    return train.get("optimizer") == "adam" and not train.get("weight_decay") and not train.get("clip")
