"""Runs as a table: one row per finished job, of every status, in the columns of `klsweep.result`."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from klsweep.reporting import settings
from klsweep.result import COLUMNS
from klsweep.store import Record, Store

BY_OWN_COLUMNS = ("seed", "weight", "beta", "beta_norm")
"""Job fields whose every difference the fixed columns show."""

FORMULA = re.compile(r"^(?=[=+\-@\t\r\n])")
"""How spreadsheets recognise a formula (OWASP, CSV injection)."""


def runs(store: Store) -> pd.DataFrame:
    """All finished jobs of a sweep: `COLUMNS`, then further settings, then further metrics."""
    return table(store.records())


def table(records: Sequence[Record]) -> pd.DataFrame:
    """One row per record in natural order of settings, then seed; unknown values are missing, never 0."""
    cells = [_cells(record) for record in records]
    metrics = sorted({name for row in cells for name in row} - set(COLUMNS))
    frame = pd.DataFrame({name: _column([row.get(name) for row in cells]) for name in (*COLUMNS, *metrics)})
    frame = frame.astype(dict.fromkeys(settings.WEIGHTS, "float64"))
    extra = _unshown([record.job for record in records], frame)
    frame = pd.concat([frame[list(COLUMNS)], extra, frame[metrics]], axis=1)
    names = [name for name in settings.columns(frame) if name not in settings.WEIGHTS]
    places = settings.order(frame, [*names, "beta_norm", "beta", "weight", "theta", "seed", "job_id"])
    return frame.iloc[places].reset_index(drop=True)


def csv(frame: pd.DataFrame) -> str:
    """The table as CSV: floats as their shortest exact text, missing cells empty, text that no sheet executes."""
    texts = [name for name, kind in frame.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    inert = frame.assign(**{str(name): frame[name].map(_inert, na_action="ignore") for name in texts})
    inert.columns = pd.Index([_inert(name) for name in frame.columns])
    return str(inert.to_csv(index=False, lineterminator="\n"))


def _cells(record: Record) -> dict[str, Any]:
    """The row; where a failed job could not fill a column that its settings name, the setting."""
    known = {name: value for name, value in record.row.items() if value is not None}
    plain = {
        name: record.job[name] for name in COLUMNS if isinstance(record.job.get(name), int | float | str)
    }
    units = set(plain) & {"weight", "beta", "beta_norm"}
    given = {name: value for name, value in plain.items() if name not in units or not units & set(known)}
    metrics = dict.fromkeys(name for name in record.row if name not in COLUMNS)
    return {**metrics, **given, **known, "job_id": record.job_id, "status": str(record.status)}


def _column(values: Sequence[Any]) -> "pd.Series[Any]":
    """Whole numbers stay whole beside missing ones; text in a column makes the column text."""
    known = [value for value in values if value is not None]
    if any(not isinstance(value, int | float) for value in known):
        return pd.Series([None if value is None else _text(value) for value in values], dtype="str")
    if known and all(isinstance(value, int) and abs(value) < 2**63 for value in known):
        return pd.Series([pd.NA if value is None else int(value) for value in values], dtype="Int64")
    return pd.Series(values, dtype="float64")


def _unshown(jobs: Sequence[Mapping[str, Any]], frame: pd.DataFrame) -> pd.DataFrame:
    """A column for each job field that varies and that no column of the table tells apart."""
    flat = [fields(job) for job in jobs]
    found: dict[str, pd.Series[Any]] = {}
    for path in sorted({path for each in flat for path in each}):
        values = [each.get(path) for each in flat]
        if _varies(values) and not _is_shown(path, values, frame):
            found[path if "." in path else f"job.{path}"] = _column(values)
    return pd.DataFrame(found, index=frame.index)


def with_fields(frame: pd.DataFrame, records: Iterable[Record], names: Iterable[str]) -> pd.DataFrame:
    """The table with a column for each job field of `names` that it lacks, because it is the same in all its jobs."""
    flat = {record.job_id: fields(record.job) for record in records}
    lacking = {
        name: _column(
            [
                flat[job_id].get(name, flat[job_id].get(name.removeprefix("job.")))
                for job_id in frame["job_id"]
            ]
        )
        for name in sorted(set(names) - set(frame.columns))
    }
    return frame.assign(**{name: column.set_axis(frame.index) for name, column in lacking.items()})


def fields(job: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a job by dotted path, lists and truth values as JSON."""
    return {
        ".".join(path): json.dumps(item, sort_keys=True)
        if isinstance(item, dict | list | tuple | bool)
        else item
        for path, item in leaves(job)
    }


def leaves(value: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A nested mapping by path; lists and empty mappings are values."""
    for name, item in value.items():
        path = (*prefix, name)
        if isinstance(item, dict) and item:
            yield from leaves(item, path)
        else:
            yield path, item


def _varies(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)


def _is_shown(path: str, values: Sequence[Any], frame: pd.DataFrame) -> bool:
    """The part's label, or the column of the same name, takes another value whenever the field does."""
    head, _, tail = path.partition(".")
    if path in BY_OWN_COLUMNS:
        return True
    if (column := tail if head == "train" else head) not in settings.IDENTITY:
        return False
    pairs = set(zip(map(str, frame[column].tolist()), map(str, values), strict=True))
    return len(pairs) == len({shown for shown, _ in pairs})


def _text(value: Any) -> str:
    """A lone surrogate, as JSON of others may have it, is no text: with pyarrow, pandas would refuse the table."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text.encode(errors="replace").decode()


def _inert(value: Any) -> Any:
    return FORMULA.sub("'", value.replace("\r", "\n")) if isinstance(value, str) else value
