"""Conditions of `exclude` and `when`: partial matches on jobs as resolved, defaults included.

A scalar matches exactly, a list any of its items, `"> 1"` compares numbers, a part's name matches its kind.
"""

import operator
import re
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, Final

from klsweep.part import Settings
from klsweep.spec.node import Key, Node, Scalar, dotted
from klsweep.spec.problems import Mistake
from klsweep.spec.source import rounded


class Missing(Enum):
    """Stands for a value that is not there."""

    ABSENT = "the job has no such setting"
    UNKNOWN = "the setting could not be read, so it may match anything"


ABSENT: Final = Missing.ABSENT
UNKNOWN: Final = Missing.UNKNOWN

COMPARISON = re.compile(r"(<=|>=|<|>)\s*([-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)")
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def inside(value: Any, key: Key) -> Any:
    """The value of an inner setting; ABSENT where this kind of part has none."""
    for name in key:
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(value, Settings) and name in type(value).model_fields:
            value = getattr(value, name)
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return ABSENT
    return value


def matches(wanted: Any, value: Any) -> bool:
    """Whether a resolved value is what a condition (in plain Python) asks for."""
    if isinstance(value, Missing):
        return value is UNKNOWN
    if isinstance(wanted, dict):
        return all(matches(inner, inside(value, (str(name),))) for name, inner in wanted.items())
    if isinstance(wanted, list):
        same = isinstance(value, tuple | list) and _all_match(wanted, value)
        return same or any(matches(option, value) for option in wanted)
    if isinstance(wanted, str) and isinstance(value, Settings):
        return wanted == str(inside(value, ("kind",)))
    return _same(wanted, value)


def unreadable(key: Key, node: Node) -> list[Mistake]:
    """Texts in a condition that look like a comparison and are none."""
    if node.items is not None:
        return [mistake for item in node.items for mistake in unreadable(key, item)]
    text = node.value
    if (
        not isinstance(text, str)
        or text[:1] not in ("<", ">", "=", "!")
        or COMPARISON.fullmatch(text.strip())
    ):
        return []
    what = f"{dotted(key)}: {text!r} is not a comparison"
    how = 'allowed: "> 1", ">= 1", "< 1", "<= 1", a value, or a list of values'
    return [Mistake(node.place, what, how)]


def _all_match(wanted: list[Any], values: Any) -> bool:
    return len(wanted) == len(values) and all(map(matches, wanted, values))


def _same(wanted: Scalar, value: Any) -> bool:
    if wanted is None or isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    if isinstance(value, int | float) and not isinstance(value, str):
        if isinstance(wanted, str):
            test = _comparison(wanted)
            return test is not None and test(value)
        return rounded(wanted) == rounded(value)
    return isinstance(value, str) and isinstance(wanted, str) and wanted == str(value)


@cache
def _comparison(text: str) -> Callable[[float], bool] | None:
    found = COMPARISON.fullmatch(text.strip())
    if found is None:
        return None
    compare, limit = COMPARE[found[1]], float(found[2])
    return lambda value: compare(value, limit)
