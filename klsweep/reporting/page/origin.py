"""What was run: the spec, the programs and machines, and how long it took."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from klsweep.result import Status
from klsweep.store import Record, Store

MACHINE = ("klsweep", "torch", "python", "machine", "host", "device", "threads")
"""Of a job's provenance; the rest is with each job."""


@dataclass(frozen=True)
class Origin:
    """For the foot of the page."""

    spec: str
    """As it was run; empty where it cannot be read."""
    machines: tuple[tuple[str, ...], ...]
    """Each combination of `MACHINE` and how many jobs have it."""
    statuses: tuple[tuple[str, int], ...]
    seconds: str
    """Of training, in all and of the median job; empty where unknown."""

    @property
    def headings(self) -> tuple[str, ...]:
        """Of the machines."""
        return (*MACHINE, "jobs")


def origin(store: Store, runs: pd.DataFrame) -> Origin:
    """Of all jobs that have ended."""
    count = Counter(runs["status"])
    return Origin(
        spec=_spec(store),
        machines=_machines(store.records()),
        statuses=tuple((str(status), count[str(status)]) for status in Status if count[str(status)]),
        seconds=_seconds(runs["train_seconds"].dropna()),
    )


def duration(seconds: float) -> str:
    """`0.8 s`, `41 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _spec(store: Store) -> str:
    try:
        return store.spec.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _machines(records: Sequence[Record]) -> tuple[tuple[str, ...], ...]:
    count = Counter(
        tuple("" if (value := each.provenance.get(name)) is None else str(value) for name in MACHINE)
        for each in records
    )
    return tuple((*machine, str(jobs)) for machine, jobs in sorted(count.items()))


def _seconds(known: "pd.Series[float]") -> str:
    if known.empty:
        return ""
    whole, median = float(known.sum()), float(known.median())
    return f"{duration(whole)} in all, {duration(median)} for the median job"
