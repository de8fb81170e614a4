"""Axes: the values of one key, written as a list or computed.

    [0.1, 1, 10]              {values: [0.1, 1, 10]}
    {range: [a, b, step]}     a, a + step, ... without b, as in Python; the step is 1 if left out
    {linspace: [a, b, n]}     n values from a to b, equal steps
    {logspace: [a, b, n]}     n values from a to b, equal ratios; a and b are values, not exponents

Computed floats are rounded to 12 significant digits. Whole ends give whole numbers where all values are whole.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from klsweep.spec.node import Key, Node, Place, dotted
from klsweep.spec.problems import Mistake, did_you_mean, given, shown
from klsweep.spec.source import rounded

FORMS = {
    "values": "{values: [a, b, c]}",
    "range": "{range: [start, stop, step]}",
    "linspace": "{linspace: [a, b, n]}",
    "logspace": "{logspace: [a, b, n]}",
}
LONGEST = 100_000  # values of one axis; more is a slip of the pen, and would fill the memory
HOW = f"allowed: a list or {', '.join(FORMS.values())}"

Number = int | float


@dataclass(frozen=True)
class Axis:
    """A key and the values it runs through; `written` is how the spec says it."""

    key: Key
    values: tuple[Node, ...]
    written: Any
    place: Place


def is_form(node: Node) -> bool:
    """Whether a mapping says how to make an axis."""
    return node.mapping is not None and any(name in FORMS for name in node.mapping)


def axis(key: Key, node: Node, mistakes: list[Mistake]) -> Axis | None:
    """The axis that a node writes, or None and its mistakes."""
    before = len(mistakes)
    values = _values(key, node, mistakes)
    if len(mistakes) == before and not values:
        fix = "give at least one value, or leave the key out"
        mistakes.append(Mistake(node.place, f"{dotted(key)}: the axis is empty", HOW, fix))
    mistakes.extend(_twice(key, values))
    keyed = tuple(replace(value, key=node.key) for value in values)
    return Axis(key, keyed, node.plain, node.key) if len(mistakes) == before else None


def _values(key: Key, node: Node, mistakes: list[Mistake]) -> tuple[Node, ...]:
    if node.items is not None:
        return node.items
    if node.mapping is None:
        fix = f"write [{shown(node.plain)}], or put {dotted(key)} under fixed"
        mistakes.append(Mistake(node.place, f"{dotted(key)}: {given(node.plain)}, not an axis", HOW, fix))
        return ()
    forms = [name for name in node.mapping if name in FORMS]
    if len(node.mapping) != 1 or not forms:
        word = next((name for name in node.mapping if name not in FORMS), "")
        what = f"{dotted(key)}: no axis is written like {shown(node.plain)}"
        mistakes.append(Mistake(node.place, what, HOW, did_you_mean(word, FORMS)))
        return ()
    return _computed(key, forms[0], node.mapping[forms[0]], mistakes)


def _computed(key: Key, form: str, inner: Node, mistakes: list[Mistake]) -> tuple[Node, ...]:
    if inner.items is None:
        what = f"{dotted(key)}: {form}: {given(inner.plain)}"
        mistakes.append(Mistake(inner.place, what, f"allowed: {FORMS[form]}"))
        return ()
    if form == "values":
        return inner.items
    try:
        computed = points(form, inner.plain)
    except ValueError as error:
        what, _, fix = str(error).partition("; ")
        mistakes.append(
            Mistake(inner.place, f"{dotted(key)}: {form}: {what}", f"allowed: {FORMS[form]}", fix)
        )
        return ()
    return tuple(Node(value, inner.place, inner.place) for value in computed)


def points(form: str, numbers: Sequence[Any]) -> list[Number]:
    """The values of `range`, `linspace` or `logspace`; ValueError says what is wrong, and after `; ` the fix."""
    wrong = [value for value in numbers if isinstance(value, bool) or not isinstance(value, int | float)]
    if wrong:
        raise ValueError(f"{given(wrong[0])}; write numbers")
    if not all(math.isfinite(value) and abs(value) < 1e300 for value in numbers):
        raise ValueError("a number is too large to compute with; write smaller numbers")
    if form == "range":
        return _range(numbers)
    if len(numbers) != 3:
        raise ValueError(
            f"{len(numbers)} numbers are given; write three: the first value, the last, how many"
        )
    first, last, count = numbers
    if not isinstance(count, int) or not 1 <= count <= LONGEST:
        raise ValueError(f"{count} values cannot be made; the third number is how many, 1 to {LONGEST}")
    return _linspace(first, last, count) if form == "linspace" else _logspace(first, last, count)


def _range(numbers: Sequence[Number]) -> list[Number]:
    if len(numbers) not in (2, 3):
        raise ValueError(
            f"{len(numbers)} numbers are given; write two or three: start, stop (not in it), step"
        )
    start, stop, step = numbers if len(numbers) == 3 else (*numbers, 1)
    if step == 0:
        raise ValueError("the step is 0; write a step that is not 0")
    steps = (stop - start) / step
    if steps <= 0:
        fix = (
            "the stop is not part of the range"
            if start == stop
            else f"the step must be {_sign(stop - start)}"
        )
        raise ValueError(f"no values from {start} to {stop} by {step}; {fix}")
    if steps > LONGEST:
        raise ValueError(f"more than {LONGEST} values; write a larger step")
    if all(isinstance(value, int) for value in (start, stop, step)):
        return list(range(int(start), int(stop), int(step)))
    # a stop that is reached but for rounding is not in the range: 0.3 is not in 0, 0.1, ..., 0.3
    return [rounded(start + index * step) for index in range(math.ceil(round(steps, 9)))]


def _linspace(first: Number, last: Number, count: int) -> list[Number]:
    gaps = max(count - 1, 1)
    made = [rounded(first + (last - first) * (index / gaps)) for index in range(count)]
    return _whole(made, first, last)


def _logspace(first: Number, last: Number, count: int) -> list[Number]:
    if first <= 0 or last <= 0:
        low = min(first, last)
        raise ValueError(f"{low} is not > 0; a and b are values, not exponents: both > 0 (add 0 by a list)")
    gaps, log = max(count - 1, 1), math.log(last) - math.log(first)
    made = [rounded(first * math.exp(log * (index / gaps))) for index in range(count)]
    exact = [*made[:-1], rounded(last)] if count > 1 else made
    return _whole(exact, first, last)


def _whole(made: list[float], first: Number, last: Number) -> list[Number]:
    whole = isinstance(first, int) and isinstance(last, int) and all(value.is_integer() for value in made)
    return [int(value) for value in made] if whole else list(made)


def _sign(difference: Number) -> str:
    return "> 0" if difference > 0 else "< 0"


def _twice(key: Key, values: tuple[Node, ...]) -> list[Mistake]:
    """Values that stand in the axis already: their jobs would be the same."""
    seen: set[str] = set()
    found: list[Mistake] = []
    for node in values:
        value = {"kind": node.plain} if isinstance(node.plain, str) else node.plain
        text = json.dumps(float(value) if type(value) is int and abs(value) < 1e15 else value, sort_keys=True)
        if text in seen:
            what = f"{dotted(key)}: {shown(node.plain)} is in the axis twice"
            found.append(Mistake(node.place, what, "allowed: each value once", "leave one out"))
        seen.add(text)
    return found
