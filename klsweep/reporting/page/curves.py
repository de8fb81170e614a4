"""Learning curves as columns of 32-bit floats."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

EPOCHS = 60
"""Of one curve at most, evenly chosen, the first and the last among them; curve.csv has them all."""

NAMES = (
    "epoch",
    "weight",
    "train_distortion_nats",
    "valid_distortion_nats",
    "train_rate_nats",
    "valid_rate_nats",
)


@dataclass(frozen=True)
class Drawn:
    """One curve: `NAMES` one after the other as little-endian float32, base64; NaN where a value is unknown."""

    values: str
    epochs: int
    """Of the job; more than the curve shows where it was thinned."""


def drawn(curve: Sequence[Mapping[str, float | None]]) -> Drawn | None:
    """None where there is no epoch."""
    if not curve:
        return None
    places = np.unique(np.linspace(0, len(curve) - 1, min(EPOCHS, len(curve))).round().astype(int))
    rows = [curve[int(place)] for place in places]
    values = [[np.nan if (value := row.get(name)) is None else value for row in rows] for name in NAMES]
    content = np.array(values, dtype="<f4").tobytes()
    return Drawn(base64.b64encode(content).decode(), len(curve))
