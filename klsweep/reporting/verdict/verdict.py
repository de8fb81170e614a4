"""The verdict of a sweep: what each group of its jobs says about the weight."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from klsweep.reporting import stats
from klsweep.reporting.verdict import answers, goals, variance
from klsweep.reporting.verdict.answers import Answer, Lack
from klsweep.reporting.verdict.evidence import evidence
from klsweep.reporting.verdict.goals import Goal, Served
from klsweep.reporting.verdict.groups import Group, groups
from klsweep.reporting.verdict.variance import Implied
from klsweep.store import Store
from klsweep.vae.weights import Reduction, Unit, weighting

BOUND = "iw_bound_nats"
"""The column of the importance-weighted bound, where it was measured."""

COARSE = 4.0
"""Neighbours on a grid of ratio 2 are a factor of 4 apart; an interval beyond that is one of the grid's making."""


@dataclass(frozen=True)
class Collapse:
    """Where active units begin to fall, half a unit below those at the smallest weight, and where none is left."""

    falls: Answer
    gone: Answer
    at_first: float  # mean active units at the smallest weight
    at_last: float  # at the largest
    at_most: float  # at the weight that has most


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one group says."""

    group: Group
    best: Answer | None
    """By elbo_nats."""
    bound: Answer | None
    """By the importance-weighted bound, where the sweep measured one."""
    collapse: Collapse | None
    knee: Answer | None
    served: tuple[Served, ...]
    implied: Implied | None

    @property
    def chosen(self) -> tuple[tuple[str, Answer], ...]:
        """The weights one would type, by what they are for."""
        found = [("the best ELBO", self.best)] if self.best else []
        found += [(each.goal.text, each.weight) for each in self.served]
        return tuple((name, answer) for name, answer in found if answer.value is not None)

    @property
    def answers(self) -> tuple[tuple[str, Answer], ...]:
        """Every answer by its name."""
        found = {"best ELBO": self.best, "best importance-weighted bound": self.bound}
        if self.collapse:
            found |= {"active units begin to fall": self.collapse.falls, "no unit left": self.collapse.gone}
        found["knee of the rate-distortion curve"] = self.knee
        for each in self.served:
            found |= {f"goal {each.goal.text}": each.weight}
            found |= {f"frontier of {each.goal.text}": each.frontier} if each.frontier else {}
        found["implied by the learned sigma^2 (mse)"] = self.implied.weight if self.implied else None
        return tuple((name, answer) for name, answer in found.items() if answer is not None)

    @property
    def seeds(self) -> int:
        """The most seeds that any weight has."""
        return int(self.group.ok.groupby("axis")["seed"].nunique().max())

    @property
    def can_be_narrowed(self) -> bool:
        """Whether a finer or wider grid, or more seeds, would narrow the answers that choose a weight."""
        return any(is_wide(answer) or Lack.SEEDS in answer.lacks for _, answer in self.chosen)


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Of a whole sweep."""

    evidence: pd.DataFrame
    each: tuple[Verdict, ...]
    alone: int
    """Groups with one weight, which have nothing to say about it."""
    unfinished: int
    """Planned jobs without a result."""


def is_wide(answer: Answer) -> bool:
    """Whether the interval is open, or wider than `COARSE`."""
    if answer.low is None or answer.high is None:
        return True
    return answer.low == 0 or answer.high / answer.low > COARSE * (1 + 1e-6)


def of(store: Store, runs: pd.DataFrame, goal_texts: Sequence[str] = ()) -> Verdicts:
    """The verdicts of a sweep; `KlsweepError` where a goal is none."""
    asked = goals.parse(goal_texts, runs)
    table = evidence(store, runs)
    found = [judge(group, asked) for group in groups(table)]
    telling = tuple(each for each in found if len(each.group.weights) > 1 or each.implied)
    planned = {job_id for ids in store.work.plan().values() for job_id in ids}
    return Verdicts(table, telling, len(found) - len(telling), len(planned - set(runs["job_id"])))


def judge(group: Group, asked: Sequence[Goal] = ()) -> Verdict:
    """The verdict of one group."""
    implied = variance.implied(group)
    if len(group.weights) < 2:
        return Verdict(group, None, None, None, None, (), implied)
    elbo = group.seen("elbo_nats")
    bound = group.seen(BOUND)
    rate, distortion = group.seen("rate_nats"), group.seen("distortion_nats")
    served = (goals.serve(group, goal) for goal in asked)
    return Verdict(
        group=group,
        best=answers.choice(answers.best(elbo)) if elbo else None,
        bound=answers.best(bound) if bound else None,
        collapse=_collapse(group),
        knee=answers.knee(rate, distortion) if rate and distortion else None,
        served=tuple(each for each in served if each),
        implied=implied,
    )


def typed(group: Group, weight: float) -> dict[str, float]:
    """The raw weight a script has under each reduction, for a `weight` given as beta_norm; none where it is no beta."""
    if not group.weighs_rate:
        return {}
    sizes = {"input_dim": group.input_dim, "latent_dim": group.latent_dim}
    return {
        reduction.value: weighting(weight, Unit.BETA_NORM, reduction=reduction, **sizes).weight
        for reduction in Reduction
    }


def measured(group: Group, weight: float, metrics: Sequence[str]) -> "pd.Series[float]":
    """Test numbers at a weight: mean and `_ci95` over seeds, as in the summary."""
    rows = group.ok[group.ok["axis"] == weight]
    known = [name for name in metrics if name in rows]
    return stats.over_seeds(rows.groupby("seed")[known].mean())


def _collapse(group: Group) -> Collapse | None:
    units = group.seen(
        "active_units", split="test"
    )  # those of the tables and plots; nothing is chosen by them
    if units is None:
        return None
    lost = replace(units, values=units.values - units.values[:, :1])
    return Collapse(
        falls=answers.crossing(lost, -answers.HALF_A_UNIT),
        gone=answers.crossing(units, answers.HALF_A_UNIT),
        at_first=float(units.mean[0]),
        at_last=float(units.mean[-1]),
        at_most=float(units.mean.max()),
    )
