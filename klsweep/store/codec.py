"""How a result becomes bytes and back: strict JSON with a checksum, CSV, npz without objects, safetensors."""

import csv
import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from klsweep.result import CURVE_COLUMNS, Result, Scalar, Status, job_digest

SCHEMA = 1
"""Number of the layout of result.json."""

FIELDS = frozenset({"job_id", "job", "status", "row", "error", "provenance", "files"})
"""What result.json holds beside its schema and checksum."""


class DamagedError(Exception):
    """Bytes that are not what was written; the text says how it shows."""


def encode_result(result: Result, sidecars: Mapping[str, bytes]) -> bytes:
    """The content of result.json. `sidecars` are named in it with size and checksum."""
    body = {
        "schema": SCHEMA,
        "job_id": result.job_id,
        "job": dict(result.job),
        "status": result.status.value,
        "row": _finite(result.row),
        "error": result.error.encode("utf-8", "backslashreplace").decode(),  # as file names need not be text
        "provenance": _finite(result.provenance),
        "files": {name: {"bytes": len(data), "sha256": sha256(data)} for name, data in sidecars.items()},
    }
    return json.dumps(
        {**body, "checksum": _checksum(body)}, indent=1, ensure_ascii=False, allow_nan=False
    ).encode()


def decode_result(content: bytes, job_id: str) -> dict[str, Any]:
    """The mapping in result.json, verified. Raises `DamagedError`."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"is not JSON ({error})") from None
    if not isinstance(body, dict):
        raise DamagedError("is not a JSON object")
    if body.get("schema") != SCHEMA:
        raise DamagedError(f"has schema {body.get('schema')!r}; this klsweep reads schema {SCHEMA}")
    if body.pop("checksum", None) != _checksum(body):
        raise DamagedError("does not match its checksum")
    if missing := FIELDS - body.keys():
        raise DamagedError(f"has no {' and no '.join(sorted(missing))}")
    if body["job_id"] != job_id or job_digest(body["job"]) != job_id:
        raise DamagedError(f"belongs to job {body['job_id']}")
    if body["status"] not in set(Status):
        raise DamagedError(f"has the unknown status {body['status']!r}")
    return body


def encode_sidecars(result: Result) -> dict[str, bytes]:
    """The other files of a job, by name; those with nothing to hold are left out."""
    made = {
        "curve.csv": encode_curve(result.curve) if result.curve else b"",
        "arrays.npz": encode_arrays(result.arrays) if result.arrays else b"",
        "weights.safetensors": encode_tensors(result.weights) if result.weights else b"",
    }
    return {name: content for name, content in made.items() if content}


def encode_curve(curve: Sequence[Mapping[str, Scalar]]) -> bytes:
    """One line per epoch; floats by `repr`, so they read back to the bit; unknown values empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CURVE_COLUMNS)
    for row in _finite_rows(curve):
        writer.writerow(["" if row[name] is None else repr(row[name]) for name in CURVE_COLUMNS])
    return text.getvalue().encode()


def decode_curve(content: bytes) -> list[dict[str, float | None]]:
    """The rows of curve.csv."""
    rows = csv.DictReader(io.StringIO(content.decode()))
    return [{name: float(cell) if cell else None for name, cell in row.items()} for row in rows]


def encode_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An npz archive; the same arrays give the same bytes."""
    archive = io.BytesIO()
    np.savez_compressed(archive, allow_pickle=False, **dict(arrays))
    return archive.getvalue()


def decode_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an npz archive; never unpickles."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def encode_tensors(tensors: Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file with `notes` in its header."""
    whole = {name: np.ascontiguousarray(tensor).reshape(np.shape(tensor)) for name, tensor in tensors.items()}
    return safetensors.numpy.save(whole, metadata=dict(notes) if notes else None)


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()


def _checksum(body: Mapping[str, Any]) -> str:
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())


def _finite(values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def _finite_rows(rows: Sequence[Mapping[str, Scalar]]) -> list[dict[str, Scalar]]:
    return [_finite(row) for row in rows]
