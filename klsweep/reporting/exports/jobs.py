"""A finished job as experiment trackers know one: settings, numbers, a curve over steps, how it ended."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from klsweep.reporting import numbers, settings
from klsweep.reporting.rows import fields
from klsweep.result import CURVE_COLUMNS, Status
from klsweep.store import Record, Store

SERIES = tuple(name for name in CURVE_COLUMNS if name != "step")

NAMED = ("dataset", "model", "latent_dim", "schedule", "reduction", "beta_norm", "seed")
"""What a job is called after, to be told apart in a list."""

LONGEST = 120  # characters of a job's name

FOREIGN = re.compile(r"[^A-Za-z0-9_. /-]")
"""What MLflow, the strictest of the trackers, takes in no key."""


@dataclass(frozen=True)
class Exported:
    """One finished job. Texts are on one line and without control characters; unknown values are left out."""

    id: str
    name: str
    sweep: str
    status: Status
    settings: Mapping[str, str | int | float]
    """The columns of runs.csv that say what the job is, and each of its fields by dotted path."""
    measured: Mapping[str, float]
    """The other columns of runs.csv."""
    curve: tuple[tuple[int, Mapping[str, float]], ...]
    """(step, values by column of curve.csv), by epoch."""
    error: str

    @property
    def last_step(self) -> int:
        """Of its training; 0 where none was kept."""
        return self.curve[-1][0] if self.curve else 0

    @property
    def digest(self) -> str:
        """Of all of it: a tracker that holds the same one already is left alone."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def jobs(store: Store) -> Iterator[Exported]:
    """Every finished job of a sweep, of every status, in order of job id."""
    for record in store.records():
        yield _exported(store, record)


def key(name: str) -> str:
    """A name that every tracker takes as it is; names that differ stay different."""
    if not FOREIGN.search(name):
        return name
    return f"{FOREIGN.sub('_', name)}-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:6]}"


def _exported(store: Store, record: Record) -> Exported:
    row = {name: value for name, value in record.row.items() if value is not None}
    shown = [name for name in settings.IDENTITY if name in row and name not in ("job_id", "status")]
    known = fields(record.job) | {name: row[name] for name in shown}
    return Exported(
        id=record.job_id,
        name=_name(known),
        sweep=settings.text(store.name),
        status=record.status,
        settings={key(name): _plain(value) for name, value in known.items() if value is not None},
        measured={
            key(name): float(value)
            for name, value in row.items()
            if name not in settings.IDENTITY and isinstance(value, int | float)
        },
        curve=tuple(_epochs(store.curve(record.job_id))),
        error="\n".join(settings.text(line) for line in record.error.splitlines()),
    )


def _name(known: Mapping[str, object]) -> str:
    texts = {name: known[name] for name in NAMED if name in known}
    said = (
        f"{name} {value:.4g}" if isinstance(value, float) else settings.named(name, value)
        for name, value in texts.items()
    )
    return numbers.short(", ".join(said), LONGEST)


def _plain(value: object) -> str | int | float:
    return value if isinstance(value, int | float) else settings.text(value)


def _epochs(curve: list[dict[str, float | None]]) -> Iterator[tuple[int, dict[str, float]]]:
    for epoch in curve:
        if (step := epoch["step"]) is not None:
            yield int(step), {name: value for name in SERIES if (value := epoch[name]) is not None}
