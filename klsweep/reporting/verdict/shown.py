"""The verdicts of a sweep as Markdown, on the screen and for machines."""

import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from klsweep.reporting.tables import escaped
from klsweep.reporting.verdict.answers import Answer
from klsweep.reporting.verdict.refine import REFINED
from klsweep.reporting.verdict.sentences import details, few, headline, to_type
from klsweep.reporting.verdict.verdict import Verdict, Verdicts, typed
from klsweep.reporting.verdict.words import interval, lack, seeds

GROUPS_SHOWN = 6  # on the screen; summary.md has them all
WIDTH = 79
TIED = "\u00a0"  # a number and its % stay on one line

INTERVALS = (
    "Intervals are 95 %: from a bootstrap over seeds, widened for few seeds, and for the best weight and the knee from "
    "the weights that paired t tests cannot tell from them; never finer than the grid. "
    "Weights are beta_norm where no other unit is named."
)


def lines(verdicts: Verdicts, path: Path, *, most: int = GROUPS_SHOWN) -> tuple[str, ...]:
    """Lines of at most `WIDTH` columns; commands and rows of raw weights stay whole."""
    shared = _shared(verdicts)
    found = [_wrapped(sentence) for sentence in shared.sentences]
    for each in verdicts.each[:most]:
        found.append(_wrapped(shared.title(each)))
        found.append(_wrapped(" ".join(headline(each, said_before=shared.few)), "  "))
        found += [_wrapped(line, "  - ") for line in (*details(each), *to_type(each))]
    if len(verdicts.each) > most:
        found.append(f"... and {len(verdicts.each) - most} more groups: summary.md")
    found += [_wrapped(note) for note in notes(verdicts)]
    found += _refining(verdicts, path)
    return tuple(found)


def markdown(verdicts: Verdicts, path: Path) -> str:
    """The head of summary.md: for each group its sentences and a table of its answers."""
    shared = _shared(verdicts)
    parts = ["## Verdict", *map(escaped, shared.sentences)]
    for each in verdicts.each:
        parts.append(f"### {escaped(shared.title(each))}")
        parts.append(" ".join(escaped(sentence) for sentence in headline(each, said_before=shared.few)))
        if further := details(each):
            parts.append("\n".join(f"- {escaped(sentence)}" for sentence in further))
        parts += ["\n".join(_table(each))]
    parts += map(escaped, notes(verdicts))
    if refining := _refining(verdicts, path):
        parts += [escaped(refining[0]), "\n".join(f"    {line.strip()}" for line in refining[1:])]
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class _Shared:
    """What holds for every group of several, to be said once."""

    named: dict[str, str]
    few: str

    @property
    def sentences(self) -> tuple[str, ...]:
        said = ", ".join(f"{name} {value}" for name, value in self.named.items())
        return tuple(filter(None, (f"All groups: {said}." if said else "", self.few)))

    def title(self, verdict: Verdict) -> str:
        """The settings that tell one group from the others."""
        own = {name: value for name, value in verdict.group.named.items() if name not in self.named}
        return ", ".join(f"{name} {value}" for name, value in own.items())


def _shared(verdicts: Verdicts) -> _Shared:
    if len(verdicts.each) < 2:
        return _Shared({}, "")
    first, *others = verdicts.each
    named = {
        name: value
        for name, value in first.group.named.items()
        if all(other.group.named.get(name) == value for other in others)
    }
    alike = all(few(other) == few(first) for other in others)
    return _Shared(named, few(first) if alike else "")


def plain(verdicts: Verdicts) -> dict[str, Any]:
    """For JSON: every answer of every group, with its interval and its raw weights."""
    return {
        "groups": [
            {
                "settings": each.group.named,
                "seeds": each.seeds,
                "lost": each.group.lost,
                "sentences": [*headline(each), *details(each)],
                "answers": [_answer(each, name, answer) for name, answer in each.answers],
            }
            for each in verdicts.each
        ],
        "notes": list(notes(verdicts)),
    }


def notes(verdicts: Verdicts) -> tuple[str, ...]:
    """What the whole sweep has to say beside its groups."""
    said = [INTERVALS] if verdicts.each else ["No verdict: no group of finished jobs has two weights."]
    if verdicts.alone and verdicts.each:
        groups = "1 group has" if verdicts.alone == 1 else f"{verdicts.alone} groups have"
        said.append(f"{groups} one weight only, and so no verdict.")
    if verdicts.unfinished:
        jobs = "1 planned job has" if verdicts.unfinished == 1 else f"{verdicts.unfinished} planned jobs have"
        said.append(f"{jobs} no result yet: this verdict is of the others, and may change.")
    return tuple(said)


def _refining(verdicts: Verdicts, path: Path) -> list[str]:
    """What to type where more weights or seeds would narrow an answer."""
    if not any(each.can_be_narrowed for each in verdicts.each):
        return []
    results = "" if path.parent == Path("results") else f" --results {shlex.quote(str(path.parent))}"
    return [
        "More weights or more seeds would narrow this:",
        f"  klsweep refine {shlex.quote(str(path))}",
        f"  klsweep run {shlex.quote(str(path / REFINED))}{results}",
    ]


def _table(verdict: Verdict) -> list[str]:
    reductions = list(typed(verdict.group, 1.0))
    heads = [
        "answer",
        "beta_norm",
        "interval",
        "evidence",
        "n",
        "split",
        *(f"w ({name})" for name in reductions),
    ]
    rules = ["---", "---:", "---", "---", "---", "---", *("---:" for _ in reductions)]
    rows = [heads, rules]
    for name, answer in verdict.answers:
        raw = (
            typed(verdict.group, answer.value).values()
            if answer.value is not None
            else [None] * len(reductions)
        )
        evidence = "enough" if answer.is_enough else f"not enough: {lack(answer, 'it')}"
        cells = [name, _three(answer.value), interval(answer), evidence, seeds(answer), answer.split]
        rows.append([*cells, *(_three(value) for value in raw)])
    return [f"| {' | '.join(escaped(cell) if row is not rules else cell for cell in row)} |" for row in rows]


def _answer(verdict: Verdict, name: str, answer: Answer) -> dict[str, Any]:
    return {
        "name": name,
        "beta_norm": answer.value,
        "low": answer.low,
        "high": answer.high,
        "is_interval": answer.is_interval,
        "among": list(answer.among),
        "seeds": list(answer.seeds),
        "split": answer.split,
        "enough": answer.is_enough,
        "lacks": [lack.value for lack in answer.lacks],
        "raw_weights": None if answer.value is None else typed(verdict.group, answer.value),
    }


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _wrapped(text: str, indent: str = "") -> str:
    """Folded under `indent`; lines after the first stand under the text of the first."""
    folded = textwrap.fill(
        text.replace(" %", f"{TIED}%"),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return folded.replace(TIED, " ")
