"""Columns of a table as compact JSON values: numbers in as many digits as a reader needs, text told once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from klsweep.reporting import rows, settings
from klsweep.reporting.stats import KEY_DIGITS

DIGITS = 7
"""Significant digits of a measured number; runs.csv has them all."""


def numbers(values: Iterable[Any], digits: int = DIGITS) -> list[float | int | None]:
    """Rounded, whole numbers without a fraction, None for what is unknown or not finite."""
    return [_number(value, digits) for value in values]


def texts(values: Iterable[str | None]) -> dict[str, list[Any]]:
    """`levels` and, for each value, its place among them; -1 where there is none."""
    places: dict[str, int] = {}
    codes = [-1 if value is None else places.setdefault(value, len(places)) for value in values]
    return {"levels": list(places), "codes": codes}


def column(values: "pd.Series[Any]") -> dict[str, Any]:
    """A column of the runs: its name, whether it is numbers, and its values."""
    name = str(values.name)
    if pd.api.types.is_numeric_dtype(values):
        digits = KEY_DIGITS if name in settings.IDENTITY or settings.is_setting(name) else DIGITS
        return {"name": name, "numbers": numbers(values, digits)}
    return {"name": name, "texts": texts(None if pd.isna(value) else str(value) for value in values)}


def mappings(each: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Many nested mappings, by path: a value that all have is told once, others by level and code.

    A level is kept in a list of its own, so that an unknown path (code -1) is not taken for a null.
    """
    flat = [dict(rows.leaves(one)) for one in each]
    found = []
    for path in dict.fromkeys(path for one in flat for path in one):
        levels: list[Any] = []
        places: dict[str, int] = {}
        codes = []
        for one in flat:
            if path not in one:
                codes.append(-1)
                continue
            key = repr(one[path])
            if key not in places:
                places[key] = len(levels)
                levels.append(_plain(one[path]))
            codes.append(places[key])
        alike = len(levels) == 1 and -1 not in codes
        found.append({"path": list(path), "levels": levels, "codes": [] if alike else codes})
    return found


def _number(value: Any, digits: int) -> float | int | None:
    if value is None or value is pd.NA or not math.isfinite(value):
        return None
    number = float(f"{value:.{digits}g}")
    return int(number) if number == int(number) and abs(number) < 2**53 else number


def _plain(value: Any) -> Any:
    """What strict JSON can say."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
