"""Metrics that were measured after a job was committed: they stand beside its result, which is never touched."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from klsweep.result import Scalar
from klsweep.store import codec
from klsweep.store.codec import DamagedError

NAME = "measured.json"
SCHEMA = 1


@dataclass(frozen=True)
class Measure:
    """One metric of one job: the settings it was measured with, and its columns."""

    settings: Mapping[str, Any]
    columns: Mapping[str, Scalar]


def encode(measures: Mapping[str, Measure], *, weights: str) -> bytes:
    """The content of measured.json: measures by kind, and the checksum of the weights they are of."""
    kinds = {
        kind: {"settings": dict(each.settings), "columns": codec.finite(each.columns)}
        for kind, each in measures.items()
    }
    body = {"schema": SCHEMA, "weights": weights, "measures": kinds}
    return json.dumps({**body, "checksum": codec.checksum(body)}, indent=1, ensure_ascii=False).encode()


def decode(content: bytes, *, weights: str) -> dict[str, Measure]:
    """The measures by kind; none where they are of other weights. Raises `DamagedError`."""
    body = codec.decode_object(content)
    if body.get("schema") != SCHEMA:
        raise DamagedError(f"is not of schema {SCHEMA}")
    codec.verify(body)
    try:
        if body["weights"] != weights:
            return {}
        found = {kind: Measure(each["settings"], each["columns"]) for kind, each in body["measures"].items()}
        cells = [cell for each in found.values() for cell in each.columns.values()]
    except (KeyError, TypeError, AttributeError):
        raise DamagedError("has other fields than it should") from None
    if not all(map(codec.is_scalar, cells)):
        raise DamagedError("has values that are neither number nor text")
    return found
