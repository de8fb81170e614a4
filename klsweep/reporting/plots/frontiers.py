"""Where the code collapses, from the verdict, as places among the columns of a table."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from klsweep.reporting import stats
from klsweep.reporting.plots.material import Material
from klsweep.reporting.verdict.answers import Answer
from klsweep.reporting.verdict.verdict import Collapse

Found = Mapping[int, Collapse]
"""By row of the summary."""


def of(material: Material) -> Found:
    """The collapse of every setting that a verdict speaks of."""
    row = stats.settings_of(material.runs) if len(material.runs) else pd.Series(dtype="int64")
    place = dict(zip(material.runs["job_id"], row, strict=True))
    found: dict[int, Collapse] = {}
    for verdict in material.verdicts:
        if verdict.collapse is not None:
            collapse = verdict.collapse
            found |= {int(place[job_id]): collapse for job_id in verdict.group.ok["job_id"]}
    return found


def place(found: Found, rows: pd.DataFrame, *, which: str, unit: str, columns: NDArray[np.float64]) -> float:
    """Between which of the weights `columns`, which stand at 0, 1, 2, ..., the frontier of rows of a summary lies.

    k + 1/2 is between the weights k and k + 1, -1/2 before the first; NaN where it is unknown or beyond the last.
    `which`: `gone` or `falls`.
    """
    collapses = {
        id(found[int(str(row))]): found[int(str(row))] for row in rows.index if int(str(row)) in found
    }
    if len(collapses) != 1:
        return np.nan
    (collapse,) = collapses.values()
    answer: Answer = getattr(collapse, which)
    known = rows[rows["beta_norm"] > 0]
    factors = (known[unit] / known["beta_norm"]).to_numpy(dtype=float)
    if not len(factors) or np.ptp(factors) > 1e-6 * factors[0]:
        return np.nan
    if answer.value is None:
        return _at_an_end(answer)
    value = answer.value * factors[0]
    return float(np.searchsorted(columns, value)) - 0.5 if value <= columns[-1] else np.nan


def _at_an_end(answer: Answer) -> float:
    if answer.low is None and answer.high is not None:
        return -0.5
    return 0.5 if answer.low == 0 else np.nan
