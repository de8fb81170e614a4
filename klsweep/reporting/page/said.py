"""The verdict as the page shows it."""

from collections.abc import Collection
from dataclasses import dataclass

from klsweep.reporting import numbers
from klsweep.reporting.verdict import Verdict, Verdicts
from klsweep.reporting.verdict.answers import Answer
from klsweep.reporting.verdict.sentences import details, headline, to_type
from klsweep.reporting.verdict.verdict import typed
from klsweep.reporting.verdict.words import interval, lack, seeds

UNFOLDED = {"groups": 6, "tables": 2}
"""Groups that are unfolded at first, and of how many groups the tables are. On paper all of them are."""


@dataclass(frozen=True)
class Said:
    """What one group says; `point` is where its chosen weight stands in the charts, -1 where it does not."""

    title: str
    headline: str
    details: tuple[str, ...]
    to_type: tuple[str, ...]
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    weight: str
    point: int


def said(verdicts: Verdicts, points: list[int], constant: Collection[str]) -> tuple[Said, ...]:
    """Of every group, in the verdict's order; `points` has the place of each run.

    Titles leave out what is `constant`, which the head of the page says.
    """
    return tuple(_said(each, points, constant) for each in verdicts.each)


def _said(verdict: Verdict, points: list[int], constant: Collection[str]) -> Said:
    group = verdict.group
    reductions = tuple(typed(group, 1.0))
    told = {name: value for name, value in group.named.items() if name not in constant}
    chosen = verdict.chosen[0][1].value if verdict.chosen else None
    weight = float(group.weights[0]) if chosen is None else chosen
    finished = group.ok
    nearest = int((finished["axis"] - weight).abs().to_numpy().argmin())
    return Said(
        title=", ".join(f"{name} {value}" for name, value in told.items()) or group.title,
        headline=" ".join(headline(verdict)),
        details=details(verdict),
        to_type=to_type(verdict),
        headings=(
            "answer",
            "beta_norm",
            "interval",
            "evidence",
            "rests on",
            *(f"w ({name})" for name in reductions),
        ),
        rows=tuple(_row(verdict, name, answer, len(reductions)) for name, answer in verdict.answers),
        weight=numbers.significant(weight),
        point=points[int(finished.index[nearest])],
    )


def _row(verdict: Verdict, name: str, answer: Answer, reductions: int) -> tuple[str, ...]:
    evidence = "enough" if answer.is_enough else f"not enough: {lack(answer, 'it')}"
    value = "" if answer.value is None else numbers.significant(answer.value)
    raw = [""] * reductions
    if answer.value is not None:
        raw = [numbers.significant(each) for each in typed(verdict.group, answer.value).values()]
    return (name, value, interval(answer), evidence, f"{seeds(answer)}, {answer.split}", *raw)
