"""The weights and seeds that would narrow a verdict."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from klsweep.errors import KlsweepError
from klsweep.reporting import settings
from klsweep.reporting.verdict.answers import Answer, Lack
from klsweep.reporting.verdict.groups import Group
from klsweep.reporting.verdict.verdict import Verdict, Verdicts

REFINED = "refined.yaml"
"""Where the finer spec goes, beside sweep.yaml."""

POINTS = 2  # new weights in a cell: three cells for one, and beyond an edge two more steps
SEEDS = 5  # t(0.975, 4) is 2.8, of three seeds it is 4.3
ALONE = 10**0.5  # the step of a grid that has one weight
LEAST_STEP = 1.02  # a cell as narrow as this is not cut again
DIGITS = 3  # of a new weight

HOW = "ask for more with --seeds N, --points N, --goal GOAL or --around knee"

AROUND = ("best", "knee", "collapse")
"""What a grid can be refined around, beside the goals."""


@dataclass(frozen=True)
class Refinement:
    """What to add to a spec."""

    unit: str
    """In which the sweep gives its weights."""
    weights: tuple[float, ...]
    seeds: tuple[int, ...]

    how: str
    """How more could be asked for."""

    @property
    def axes(self) -> dict[str, tuple[float, ...] | tuple[int, ...]]:
        """What each axis of the spec gets."""
        found: dict[str, tuple[float, ...] | tuple[int, ...]] = {self.unit: self.weights, "seed": self.seeds}
        return {name: values for name, values in found.items() if values}

    @property
    def said(self) -> str:
        """What is added, in words."""
        return "added " + " and ".join(
            f"{name} {', '.join(f'{value:.12g}' for value in values)}" for name, values in self.axes.items()
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to add."""
        return not self.weights and not self.seeds


def refinement(
    verdicts: Verdicts,
    *,
    around: Sequence[str] = ("best",),
    points: int | None = None,
    seeds: int | None = None,
) -> Refinement:
    """New weights in every cell of the grid that an interval covers, steps beyond an edge it leaves by, new seeds.

    `points` weights to a cell; `seeds` in all, or `SEEDS` and two more than there are where they are too few to have
    an interval or to tell weights apart.
    """
    if unknown := sorted(set(around) - set(AROUND)):
        raise KlsweepError(f"--around {unknown[0]}: unknown answer: allowed: {', '.join(AROUND)}")
    telling = [each for each in verdicts.each if len(each.group.weights) > 1]
    rows = pd.concat([each.group.rows for each in telling]) if telling else verdicts.evidence
    unit = max(settings.UNITS, key=lambda unit: (rows["unit"] == unit).sum())
    new: set[float] = set()
    few = False
    for each in telling:
        for answer in _targets(each, around):
            few = few or Lack.SEEDS in answer.lacks or len(answer.among) > 1
            for axis in _axes(each.group, unit):
                new.update(_inside(axis, answer, POINTS if points is None else points))
    known = sorted({int(seed) for seed in rows["seed"]})
    wanted = seeds if seeds is not None else max(SEEDS, len(known) + 2) if few else len(known)
    return Refinement(unit, tuple(sorted(new)), tuple(_further(known, wanted)), how=HOW)


def _targets(verdict: Verdict, around: Sequence[str]) -> Iterator[Answer]:
    found: list[Answer | None] = [verdict.best] if "best" in around else []
    found += [verdict.knee] if "knee" in around else []
    if "collapse" in around and verdict.collapse:
        found += [verdict.collapse.falls, verdict.collapse.gone]
    for each in verdict.served:
        found += [each.weight] if each.goal.bound is None else [each.frontier]
    yield from (answer for answer in found if answer is not None and Lack.SHAPE not in answer.lacks)


@dataclass(frozen=True)
class Axis:
    """The weights of one group under one reduction, in the unit of the spec, and what turns beta_norm into it."""

    values: tuple[float, ...]
    factor: float
    ends: tuple[bool, bool]
    """Whether the smallest and the largest have a finished job; beyond one that was lost lies nothing to try."""


def _axes(group: Group, unit: str) -> Iterator[Axis]:
    for _, part in group.rows.groupby("reduction", sort=True):
        positive = part[part["beta_norm"] > 0]
        if not positive.empty:
            factor = float(positive[unit].iloc[0] / positive["beta_norm"].iloc[0])
            ends = tuple(bool((part["axis"] == end).any()) for end in (group.weights[0], group.weights[-1]))
            reached = part["axis"].min() >= group.weights[0], part["axis"].max() <= group.weights[-1]
            values = tuple(sorted({float(value) for value in part[unit]}))
            yield Axis(values, factor, (ends[0] and reached[0], ends[1] and reached[1]))


def _inside(axis: Axis, answer: Answer, points: int) -> Iterator[float]:
    """New weights of an axis within the interval of an answer, and beyond the edge where it is open."""
    positive = [value for value in axis.values if value > 0]
    ratios = [high / low for low, high in itertools.pairwise(positive)] or [ALONE]
    low = 0.0 if answer.low is None else answer.low * axis.factor
    high = np.inf if answer.high is None else answer.high * axis.factor
    near = 1 + 1e-9
    for left, right in itertools.pairwise(positive):
        if right > low * near and left * near < high and right / left > LEAST_STEP:
            step = (right / left) ** (1 / (points + 1))
            yield from _between((left * step**k for k in range(1, points + 1)), left, right)
    if low < positive[0] and axis.ends[0] and (answer.low is None or axis.values[0] == 0):
        yield from (_rounded(positive[0] / ratios[0] ** k) for k in range(1, points + 1))
    if answer.high is None and axis.ends[1]:
        yield from (_rounded(positive[-1] * ratios[-1] ** k) for k in range(1, points + 1))


def _between(values: Iterable[float], low: float, high: float) -> Iterator[float]:
    for value in map(_rounded, values):
        if low < value < high:
            yield value


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _further(known: Sequence[int], wanted: int) -> Iterator[int]:
    """Seeds that are not there yet, the smallest first, until there are as many as wanted."""
    seed, lacking = 0, wanted - len(known)
    while lacking > 0:
        if seed not in known:
            yield seed
            lacking -= 1
        seed += 1
