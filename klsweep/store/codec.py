"""How a result becomes bytes and back: strict JSON with a checksum, CSV, npz without objects, safetensors."""

import csv
import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from klsweep import numpy_files
from klsweep.result import COLUMNS, CURVE_COLUMNS, Result, Scalar, Status, job_digest

SCHEMA = 1
"""Number of the layout of result.json."""

FIELDS = {
    "job_id": str,
    "job": dict,
    "status": str,
    "row": dict,
    "error": str,
    "provenance": dict,
    "files": dict,
}
"""What result.json holds beside its schema and checksum."""

STATUSES = frozenset(Status)

WORDS = frozenset(COLUMNS[: COLUMNS.index("schedule") + 1])
"""Columns of text; the other fixed ones are numbers."""

LARGEST_ARRAYS = 2**28
"""Bytes that an arrays.npz may unpack to: 256 MiB; those of a job on MNIST are 1 MB."""


LARGEST_NUMBER = 2**1023  # within the range of a double


class DamagedError(Exception):
    """Bytes that are not what was written; the text says how it shows."""


def encode_result(result: Result, sidecars: Mapping[str, bytes]) -> bytes:
    """The content of result.json. `sidecars` are named in it with size and checksum."""
    body = {
        "schema": SCHEMA,
        "job_id": result.job_id,
        "job": dict(result.job),
        "status": result.status.value,
        "row": finite(result.row),
        "error": result.error.encode("utf-8", "backslashreplace").decode(),  # as file names need not be text
        "provenance": finite(result.provenance),
        "files": {name: {"bytes": len(data), "sha256": sha256(data)} for name, data in sidecars.items()},
    }
    return json.dumps(
        {**body, "checksum": checksum(body)}, indent=1, ensure_ascii=False, allow_nan=False
    ).encode()


def decode_result(content: bytes, job_id: str) -> dict[str, Any]:
    """The mapping in result.json, verified. Raises `DamagedError`."""
    body = decode_object(content)
    if body.get("schema") != SCHEMA:
        raise DamagedError(f"has schema {body.get('schema')!r}; this klsweep reads schema {SCHEMA}")
    verify(body)
    if missing := FIELDS.keys() - body.keys():
        raise DamagedError(f"has no {' and no '.join(sorted(missing))}")
    if wrong := [name for name, kind in FIELDS.items() if not isinstance(body[name], kind)]:
        raise DamagedError(f"has {' and '.join(wrong)} of another type than it should")
    _check_values(body)
    if body["job_id"] != job_id or job_digest(body["job"]) != job_id:
        raise DamagedError(f"belongs to job {body['job_id']}")
    if body["status"] not in STATUSES:
        raise DamagedError(f"has the unknown status {body['status']!r}")
    return body


def decode_object(content: bytes) -> dict[str, Any]:
    """A JSON object of text that can be encoded. Raises `DamagedError`."""
    try:
        body = json.loads(content.decode(), parse_constant=_refused)
        if b"\\u" in content:  # it may be half a letter
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"is not JSON ({error})") from None
    if not isinstance(body, dict):
        raise DamagedError("is not a JSON object")
    return body


def verify(body: dict[str, Any]) -> None:
    """Take out the checksum. Raises `DamagedError` where it is not that of the rest, or a number is not finite."""
    try:
        is_whole = body.pop("checksum", None) == checksum(body, allow_nan=False)
    except (ValueError, RecursionError) as error:  # 1e999 is infinite
        raise DamagedError(f"is not JSON ({error})") from None
    if not is_whole:
        raise DamagedError("does not match its checksum")


def _refused(token: str) -> None:
    raise ValueError(f"{token} is no number of JSON")


def _check_values(body: Mapping[str, Any]) -> None:
    """Raise `DamagedError` where a value is not what every reader takes it for."""
    for field in ("row", "provenance"):
        if not all(is_scalar(value) for value in body[field].values()):
            raise DamagedError(f"has values in its {field} that are neither number nor text")
    for name in COLUMNS:
        value = body["row"].get(name)
        if value is not None and isinstance(value, str) is not (name in WORDS):
            raise DamagedError(f"has {name} that is {value!r}")
    for name, facts in body["files"].items():
        whole = isinstance(facts, dict) and isinstance(facts.get("bytes"), int)
        if not whole or not isinstance(facts.get("sha256"), str) or {"/", "\\"} & set(name):
            raise DamagedError(f"does not say what the file {name!r} is")


def is_scalar(value: Any) -> bool:
    """Whether it may stand in a cell of a table: text, nothing, or a number that a double can hold."""
    if isinstance(value, int | float):
        return abs(value) < LARGEST_NUMBER
    return value is None or isinstance(value, str)


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
    """The rows of curve.csv; a column that an earlier klsweep did not write is unknown. Raises `DamagedError`."""
    try:
        names, *lines = csv.reader(io.StringIO(content.decode()), strict=True)
        columns = {
            name: [float(cell) if cell else None for cell in cells]
            for name, *cells in zip(names, *lines, strict=True)
        }
    except (ValueError, csv.Error) as error:  # ValueError: also of lines that are not equally long
        raise DamagedError(f"is no table of numbers ({error})") from None
    unknown = [None] * len(lines)
    known = dict.fromkeys(CURVE_COLUMNS, unknown) | columns
    return [dict(zip(known, row, strict=True)) for row in zip(*known.values(), strict=True)]


def decode_last_epoch(content: bytes) -> dict[str, float | None]:
    """The last row of curve.csv, empty where it has none; the others are not looked at. Raises `DamagedError`."""
    heading, *lines = content.splitlines(keepends=True) or [b""]
    rows = decode_curve(heading + b"".join(lines[-1:]))
    return rows[-1] if rows else {}


def encode_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An npz archive; the same arrays give the same bytes."""
    archive = io.BytesIO()
    np.savez_compressed(archive, allow_pickle=False, **dict(arrays))
    return archive.getvalue()


def decode_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an npz archive; never unpickles, nor unpacks more than is sane. Raises `DamagedError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = numpy_files.names(archive)
            sizes = sum(numpy_files.member_header(archive, name).nbytes for name in names)
            if sizes > LARGEST_ARRAYS:
                raise DamagedError(f"unpacks to {sizes:,} bytes, and at most {LARGEST_ARRAYS:,} are read")
            return {name: numpy_files.member(archive, name, most=LARGEST_ARRAYS) for name in names}
    except numpy_files.UNREADABLE as error:
        raise DamagedError(f"is no archive of arrays ({error})") from None


def encode_tensors(tensors: Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file with `notes` in its header."""
    whole = {name: np.ascontiguousarray(tensor).reshape(np.shape(tensor)) for name, tensor in tensors.items()}
    return safetensors.numpy.save(whole, metadata=dict(notes) if notes else None)


def decode_tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file. Raises `DamagedError`."""
    try:
        tensors: dict[str, NDArray[Any]] = safetensors.numpy.load(content)
    except (SafetensorError, ValueError, KeyError) as error:  # of a type that numpy has not
        raise DamagedError(f"is no safetensors file ({error})") from None
    return tensors


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()


def checksum(body: Mapping[str, Any], *, allow_nan: bool = True) -> str:
    """Of a mapping, however its keys are ordered."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=allow_nan)
    return sha256(text.encode())


def finite(values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """With None for what strict JSON cannot say."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def _finite_rows(rows: Sequence[Mapping[str, Scalar]]) -> list[dict[str, Scalar]]:
    return [finite(row) for row in rows]
