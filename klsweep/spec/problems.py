"""Mistakes in a spec: collected with their places, put in file order, each reported once."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from klsweep.errors import Problem
from klsweep.spec.node import Place

FEW = 12  # names in a list before it is cut: more cannot be taken in at a glance


@dataclass(frozen=True)
class Mistake:
    """One mistake and its place; `allowed` and `fix` are sentences, empty where there is nothing to say."""

    place: Place
    what: str
    allowed: str = ""
    fix: str = ""

    @property
    def problem(self) -> Problem:
        """The mistake as a user meets it."""
        return Problem(str(self.place), self.what, self.allowed, self.fix)


def ordered(mistakes: Iterable[Mistake]) -> tuple[Problem, ...]:
    """Each mistake once, in file order, those on the command line last."""
    once = dict.fromkeys(mistakes)
    return tuple(mistake.problem for mistake in sorted(once, key=lambda mistake: mistake.place.order))


def causes_only(*phases: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes of every phase of reading, without what a later one says of a place that is wrong already."""
    found: list[Mistake] = []
    for phase in phases:
        wrong = {mistake.place for mistake in found}
        found.extend(mistake for mistake in phase if mistake.place not in wrong)
    return found


def allowed(options: Iterable[str]) -> str:
    """`allowed: a, b, c`, cut where it is long."""
    names = list(options)
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return f"allowed: {', '.join(names[:FEW])}{more}" if names else ""


def close(word: str, options: Iterable[str]) -> str | None:
    """The option that was probably meant."""
    by_lower = {option.lower(): option for option in options}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """`did you mean x?`, or nothing where no option is near."""
    option = close(word, options)
    return f"did you mean {option}?" if option else ""


def shown(value: Any) -> str:
    """A plain value as one would write it in a spec, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else _scalar(value)
    text = text.replace('"', "") if isinstance(value, dict | list) else text
    return text if len(text) <= 60 else f"{text[:57]}..."  # as much as leaves room for the rest of the line


def given(value: Any) -> str:
    """What was written, as the start of a sentence: `'1e-3' is text`."""
    if value is None:
        return "no value is given"
    if isinstance(value, dict):
        return "a mapping is given" if value else "an empty mapping is given"
    if isinstance(value, list | tuple):
        return f"{shown(list(value))} is a list" if value else "the list is empty"
    return f"{shown(value)} is {_sort(value)}"


def _sort(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    return "text"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)
