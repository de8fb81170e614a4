"""Goals a user names: `active_units>=8`, `rate_nats<=20`, or a metric alone, to be made best."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd

from klsweep.errors import KlsweepError
from klsweep.reporting import stats
from klsweep.reporting.verdict import answers, bootstrap
from klsweep.reporting.verdict.answers import Answer, Lack
from klsweep.reporting.verdict.bootstrap import LEAST_SEEDS
from klsweep.reporting.verdict.groups import Group, Seen, Split

FORMS = "allowed: 'metric>=value', 'metric<=value', metric, max(metric), min(metric)"

BOUND = re.compile(r"\s*([\w.]+)\s*(>=|<=)\s*(\S+)\s*")
EXTREME = re.compile(r"\s*(max|min)\(\s*([\w.]+)\s*\)\s*")
ALONE = re.compile(r"\s*([\w.]+)\s*")

LARGEST = re.compile(
    r"(?!.*_se_).*(elbo|bound|accuracy|score|active_units|mutual_information_nats|psnr|ssim).*"
)
SMALLEST = re.compile(r"(?!.*_se_).*(distortion|^rate|^recon|mse|sse|fid|seconds|total_correlation).*")
"""Which way a metric alone is better, by its name; of the others the user says it with max() or min()."""


@dataclass(frozen=True)
class Goal:
    """`sign` 1: the larger the better, or at least `bound`; -1: the smaller, or at most."""

    text: str
    metric: str
    sign: int
    bound: float | None


@dataclass(frozen=True)
class Served:
    """How a goal stands in a group: the weight to take, and for a bound where it begins or ceases to hold."""

    goal: Goal
    weight: Answer
    """For a bound, the best by ELBO of the weights at which it holds."""
    frontier: Answer | None = None
    holds: tuple[float, ...] = ()
    """The weights tried at which a bound holds, by the 95 % interval where there is one."""
    split: Split = "test"
    """Of the goal's own metric; the ELBO may have another."""
    upwards: bool = False
    """Whether the bound holds above the frontier."""


def parse(texts: Iterable[str], runs: pd.DataFrame) -> tuple[Goal, ...]:
    """The goals, about metrics that the runs have; `KlsweepError` says all that is wrong with them."""
    known = stats.metrics(runs)
    goals, wrong = [], []
    for text in texts:
        try:
            goals.append(_goal(text, known))
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise KlsweepError("\n".join(wrong))
    return tuple(goals)


def serve(group: Group, goal: Goal) -> Served | None:
    """The answer to a goal; None where no job of the group has the metric."""
    seen = group.seen(goal.metric)
    if seen is None:
        return None
    if goal.bound is None:
        return Served(goal, answers.choice(answers.best(seen, sign=goal.sign)), split=seen.split)
    margin = replace(seen, values=goal.sign * (seen.values - goal.bound))
    sure = met(margin)
    upwards = bool(margin.mean[-1] > margin.mean[0])
    return Served(
        goal=goal,
        weight=_chosen(group, margin, sure),
        frontier=_frontier(margin, upwards=upwards),
        holds=tuple(margin.weights[sure].tolist()),
        split=seen.split,
        upwards=upwards,
    )


def met(margin: Seen) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """The weights at which the mean margin is 0 or more, by the lower end of its interval where seeds allow one.

    Of counts also those at which every seed meets the goal: 3, 4 and 3 units are no less than 3, 3 and 3.
    """
    at_least = margin.mean >= 0
    if len(margin.values) < LEAST_SEEDS:
        return at_least
    curves, chosen = bootstrap.mean_curves(margin.values, margin.present)
    low = np.array([chosen.limits(column, column)[0] for column in curves.T])
    few = margin.present < LEAST_SEEDS
    every = margin.counts & ((margin.values >= 0) | ~margin.there).all(axis=0)
    return np.where(few, at_least, (low >= 0) | every)


def _chosen(group: Group, margin: Seen, sure: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Answer:
    """The best by ELBO of the weights at which the goal holds; both take validation numbers, or it is no choice."""
    elbo = group.seen("elbo_nats")
    if not sure.any() or elbo is None:
        return answers.nothing(margin, Lack.UNMET)
    kept = elbo.only(np.isin(elbo.weights, margin.weights[sure]))
    found = answers.best(kept)
    # where the goal ends is no end of the grid: only an edge of all weights is open
    low = found.low if found.low is not None or kept.weights[0] == elbo.weights[0] else _next(elbo, kept, -1)
    high = (
        found.high if found.high is not None or kept.weights[-1] == elbo.weights[-1] else _next(elbo, kept, 1)
    )
    gone = {Lack.BELOW} if low is not None else set()
    gone |= {Lack.ABOVE} if high is not None else set()
    lacks = tuple(lack for lack in found.lacks if lack not in gone)
    split = margin.split if found.split == "validation" else found.split
    return answers.choice(replace(found, low=low, high=high, lacks=lacks, split=split))


def _next(whole: Seen, kept: Seen, step: int) -> float:
    """The weight beside the first or the last that is kept."""
    end = kept.weights[0] if step < 0 else kept.weights[-1]
    return float(whole.weights[int(np.searchsorted(whole.weights, end)) + step])


def _frontier(margin: Seen, *, upwards: bool) -> Answer | None:
    """Where the bound passes from held to not held; None where it does so more than once."""
    signs = margin.mean >= 0
    if (signs[1:] != signs[:-1]).sum() > 1:
        return None
    # a margin that rises with the weight falls when turned over, and then holds where it is at 0 already
    falling = replace(margin, values=-margin.values) if upwards else margin
    return answers.crossing(falling, 0.0, strictly=upwards)


def _goal(text: str, known: Sequence[str]) -> Goal:
    if bound := BOUND.fullmatch(text):
        metric = _metric(bound[1], known, text)
        return Goal(text.strip(), metric, 1 if bound[2] == ">=" else -1, _number(bound[3], text))
    if extreme := EXTREME.fullmatch(text):
        metric = _metric(extreme[2], known, text)
        return Goal(text.strip(), metric, 1 if extreme[1] == "max" else -1, None)
    if alone := ALONE.fullmatch(text):
        metric = _metric(alone[1], known, text)
        return Goal(text.strip(), metric, _direction(metric, text), None)
    raise ValueError(f"--goal {text!r}: is no goal: {FORMS}")


def _metric(given: str, known: Sequence[str], text: str) -> str:
    """The column that is meant: `rate` is rate_nats, for no other of as few words has this one."""
    if given in known:
        return given
    longer = [name for name in known if _is_short_for(given, name)]
    fewest = min((name.count("_") for name in longer), default=0)
    meant = [name for name in longer if name.count("_") == fewest]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise ValueError(f"--goal {text!r}: which {given} is meant?: allowed: {', '.join(meant)}")
    near = get_close_matches(given, known, n=1)
    fix = f"did you mean {near[0]}?" if near else "klsweep measure adds others"
    raise ValueError(f"--goal {text!r}: no metric {given}: allowed: {', '.join(known)}: {fix}")


def _is_short_for(given: str, name: str) -> bool:
    """Whether all words of `given` are in `name`, in this order."""
    words = iter(name.split("_"))
    return all(word in words for word in given.split("_"))


def _number(value: str, text: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"--goal {text!r}: {value} is no number: {FORMS}")
    return number


def _direction(metric: str, text: str) -> int:
    if LARGEST.fullmatch(metric):
        return 1
    if SMALLEST.fullmatch(metric):
        return -1
    raise ValueError(f"--goal {text!r}: which way is better?: write max({metric}) or min({metric})")
