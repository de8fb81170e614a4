"""The tables of a sweep by the name that `--what` gives them, made when they are asked for."""

import pandas as pd

from klsweep.reporting import rows, stats
from klsweep.result import CURVE_COLUMNS
from klsweep.store import Store

TABLES = ("runs", "summary", "curves")

WHOLE = ("epoch", "step")
"""The columns of a curve that count."""


def table(store: Store, name: str) -> pd.DataFrame:
    """`runs`, a row per job; `summary`, a row per setting; `curves`, a row per job and epoch."""
    if name == "curves":
        return curves(store)
    runs = rows.runs(store)
    return runs if name == "runs" else stats.summary(runs)


def curves(store: Store) -> pd.DataFrame:
    """The learning curves of all jobs in one table: `job_id`, then `CURVE_COLUMNS`; jobs in the order of runs.csv."""
    lines = [
        {"job_id": job_id, **{name: epoch[name] for name in CURVE_COLUMNS}}
        for job_id in rows.runs(store)["job_id"]
        for epoch in store.curve(job_id)
    ]
    kinds = {name: "Int64" if name in WHOLE else "float64" for name in CURVE_COLUMNS}
    return pd.DataFrame(lines, columns=["job_id", *CURVE_COLUMNS]).astype({"job_id": "str", **kinds})
