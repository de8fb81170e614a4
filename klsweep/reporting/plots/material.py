"""What a report's figures are drawn from, and which jobs stand for a setting where there is no room for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from klsweep.reporting import numbers, settings
from klsweep.reporting.closed_forms import ClosedForms, closed_forms
from klsweep.reporting.verdict import Verdict
from klsweep.result import Status
from klsweep.store import Store

Curve = Sequence[Mapping[str, float | None]]
Arrays = Mapping[str, NDArray[Any]]

WEIGHTS = 12  # of one setting in one panel; more are hard to tell apart
TITLE = 100  # characters of a setting's title


@dataclass(frozen=True, eq=False)
class Case:
    """The finished jobs of one setting: all weights, all seeds."""

    ok: pd.DataFrame
    """Of all settings."""
    rows: NDArray[np.intp]
    """The positions of this one's."""
    names: tuple[str, ...]
    """What tells it from the others."""

    @cached_property
    def jobs(self) -> pd.DataFrame:
        """Its rows of the runs."""
        return self.ok.iloc[self.rows]

    @cached_property
    def title(self) -> str:
        """What tells it from the others, with its values; empty where it is alone."""
        first = self.jobs.iloc[0]
        return numbers.short(", ".join(settings.named(name, first[name]) for name in self.names), TITLE)

    def one_per_weight(self, most: int = WEIGHTS) -> pd.DataFrame:
        """The lowest seed of at most `most` weights, evenly spread, the least and the greatest among them."""
        each = self.jobs.sort_values(["beta_norm", "seed"]).drop_duplicates("beta_norm")
        return each.iloc[spread(len(each), most)]


@dataclass(frozen=True, eq=False)
class Material:
    """Tables, and what is read of single jobs where it is drawn."""

    runs: pd.DataFrame
    summary: pd.DataFrame
    curve: Callable[[str], Curve] = lambda _job_id: ()
    """The rows of a job's curve.csv."""
    arrays: Callable[[str], Arrays] = lambda _job_id: {}
    """A job's arrays.npz."""
    jobs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What each job is, by its id."""
    forms: ClosedForms = field(default_factory=ClosedForms)
    verdicts: Sequence[Verdict] = ()

    @cached_property
    def ok(self) -> pd.DataFrame:
        """The finished jobs whose weight is known."""
        return self.runs[(self.runs["status"] == str(Status.OK)) & self.runs["beta_norm"].notna()]

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The finished jobs by setting: those with most weights first, else in the order of the settings' levels."""
        names = _telling(self.ok)
        codes = np.array(settings.product(self.ok, names).codes, dtype=np.intp)
        order = np.argsort(codes, kind="stable")
        ends = np.flatnonzero(np.diff(codes[order])) + 1
        parts = np.split(order, ends) if len(order) else []
        weights = self.ok["beta_norm"].to_numpy(dtype=float)
        parts.sort(key=lambda rows: -len(np.unique(weights[rows])))
        return tuple(Case(self.ok, rows, tuple(names)) for rows in parts)

    @cached_property
    def firsts(self) -> pd.DataFrame:
        """The first job of each case."""
        return self.ok.iloc[[int(case.rows[0]) for case in self.cases]]


def material(
    store: Store, runs: pd.DataFrame, summary: pd.DataFrame, verdicts: Sequence[Verdict] = ()
) -> Material:
    """What a store has for its figures."""
    return Material(
        runs,
        summary,
        curve=store.curve,
        arrays=store.arrays,
        jobs={record.job_id: record.job for record in store.records()},
        forms=closed_forms(store),
        verdicts=verdicts,
    )


def _telling(ok: pd.DataFrame) -> list[str]:
    """Columns enough to tell the settings apart: without those that follow from the others."""
    names = settings.varying(ok)
    many = len(ok[names].drop_duplicates()) if names else 1
    for name in reversed(names):
        rest = [other for other in names if other != name]
        if rest and len(ok[rest].drop_duplicates()) == many:
            names = rest
    return names


def spread(of: int, most: int) -> list[int]:
    """At most `most` places of `of`, evenly spread, the ends among them."""
    return [int(place) for place in np.unique(np.linspace(0, of - 1, min(most, of)).round())]


def seeds(chosen: Sequence[Case]) -> str:
    """Of figures that show the lowest seed of each weight: which, and of how many."""
    each = [case.jobs.groupby("beta_norm")["seed"] for case in chosen]
    most = max(int(seeds.nunique().max()) for seeds in each)
    lowest = sorted({int(seed) for seeds in each for seed in seeds.min()})
    shown = f"n = 1 seed: seed {', '.join(map(str, lowest[:3]))}"
    return f"{shown}, of up to {most}" if most > 1 else shown


def unseen(left: int, where: str) -> str:
    """That so many settings had no room, and where they are; empty for none."""
    return f"No room for {left} more setting{'s' if left > 1 else ''}: see {where}" if left else ""
