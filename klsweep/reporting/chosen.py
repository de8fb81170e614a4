"""Runs that a user names by their settings, as `schedule=constant,latent_dim=10`."""

import re

import numpy as np
import pandas as pd

from klsweep.errors import KlsweepError
from klsweep.reporting import settings

OUTSIDE_BRACKETS = re.compile(r",(?![^(]*\))")


def filters(text: str, table: pd.DataFrame) -> dict[str, str]:
    """`key=value,key=value` as columns and values; commas inside brackets belong to a value.

    Raises `KlsweepError` where a key is no setting.
    """
    known = [*settings.columns(table), "seed"]
    found = {}
    for piece in OUTSIDE_BRACKETS.split(text):
        key, equals, value = (part.strip() for part in piece.partition("="))
        if not equals or key not in known:
            raise KlsweepError(f"{text}: {key}: no setting of this sweep: allowed: {', '.join(known)}")
        found[key] = value
    return found


def kept(table: pd.DataFrame, filters: dict[str, str], text: str) -> pd.DataFrame:
    """The runs with these settings; a part may be named by its kind alone where that is one setting.

    Raises `KlsweepError` where none or several are meant.
    """
    for key, value in filters.items():
        labels = {name: settings.text(name) for name in table[key].unique()}
        chosen = [name for name, label in labels.items() if _is(name, label, value)]
        chosen = chosen or [name for name, label in labels.items() if label.partition("(")[0] == value]
        if len(chosen) != 1:
            what = f"{len(chosen)} values of {key}" if chosen else f"no run has {key} {value}"
            raise KlsweepError(f"{text}: {what}: allowed: one of {', '.join(labels.values())}")
        table = table[table[key] == chosen[0]]
    return table


def _is(value: object, label: str, asked: str) -> bool:
    """The same text, or the same number to as many digits as were typed."""
    if label == asked:
        return True
    try:
        number = float(asked)
    except ValueError:
        return False
    digits = len(re.sub(r"[eE].*|[^0-9]", "", asked).lstrip("0")) or 1
    return isinstance(value, int | float | np.number) and float(f"{float(value):.{digits}g}") == number
