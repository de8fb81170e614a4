"""Metrics of a finished sweep, measured from the weights it keeps. Nothing is trained, and no result is touched."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from klsweep.errors import StoreError
from klsweep.metrics import Metric, settings_of
from klsweep.part import kind_of
from klsweep.result import METRICS, Scalar, Status
from klsweep.spec import Sweep
from klsweep.spec.job import Job
from klsweep.store import Measure, Record, Store

if TYPE_CHECKING:
    from klsweep.data import Data


@dataclass(frozen=True)
class Measured:
    """How measuring ended, in the jobs that have finished ok, each counted once; `notes` are for the user's eyes."""

    sweep: str
    measured: int  # now, in all that was asked for and lacking
    skipped: int  # that had all of it already
    failed: int  # that lack at least one metric still
    notes: tuple[str, ...] = ()


def measure_sweep(
    store: Store,
    sweep: Sweep,
    *,
    data_dir: Path | None = None,
    device: str = "cpu",
    listen: Callable[[int, int], None] = lambda _done, _all: None,
) -> Measured:
    """Measure `sweep.metrics` of every job that has finished ok, unless it has them with the same settings.

    The numbers are those that a run with these metrics would have given. `listen` hears (jobs done, jobs in all).
    Raises `StoreError` where the sweep is in use or cannot be written.
    """
    known = {job.id: job for job in sweep.jobs}
    failures: dict[str, list[str]] = {}
    tally = _Tally()
    with store.work.held():
        todo = list(_todo(store, known, sweep.metrics, failures))
        by_data = itertools.groupby(
            sorted(todo, key=lambda each: each[1].dataset.label), lambda each: each[1].dataset
        )
        done = 0
        for dataset, group in by_data:
            data = dataset.load(data_dir)
            for record, job, missing in group:
                columns, wrong = _measure(store, record, job, lacking=missing, data=data, device=device)
                tally.count(columns, dataset.name)
                if wrong:
                    failures[record.job_id] = wrong
                done += 1
                listen(done, len(todo))
    finished = sum(record.status is Status.OK for record in store.records())
    lacking_still = sum(record.job_id in failures for record, _, _ in todo)
    return Measured(
        store.name,
        measured=len(todo) - lacking_still,
        skipped=finished - len(todo) - (len(failures) - lacking_still),
        failed=len(failures),
        notes=(*itertools.chain(*failures.values()), *tally.notes),
    )


class _Tally:
    """Of each metric and data set, the jobs that were measured, and those of them without any value."""

    def __init__(self) -> None:
        self.measured: Counter[tuple[str, str]] = Counter()
        self.empty: Counter[tuple[str, str]] = Counter()

    def count(self, columns: Mapping[str, Mapping[str, Scalar]], data: str) -> None:
        """Take the columns of one job in, by metric."""
        for kind, values in columns.items():
            self.measured[kind, data] += 1
            self.empty[kind, data] += all(value is None for value in values.values())

    @property
    def notes(self) -> list[str]:
        """A sentence for each metric that no job on a data set has a value of."""
        return [
            f"{kind}: no value for {data}: all its columns are empty: klsweep kinds metrics says what it is of"
            for (kind, data), count in self.empty.items()
            if count == self.measured[kind, data]
        ]


def _todo(
    store: Store, known: dict[str, Job], metrics: Sequence[Metric], failures: dict[str, list[str]]
) -> Iterator[tuple[Record, Job, list[Metric]]]:
    """The finished jobs that lack a metric, with those they lack; into `failures` goes what cannot be measured."""
    for record in store.records():
        if record.status is not Status.OK:
            continue
        missing = lacking(record, metrics)
        job = known.get(record.job_id) or _job(record)
        if missing and not store.kept_weights(record.job_id):
            reason = "its weights were not kept: run.keep_weights was false"
            failures[record.job_id] = [f"{record.job_id} is not measured: {reason}"]
        elif missing and job is None:
            reason = "its data are named in no spec that is kept"
            failures[record.job_id] = [f"{record.job_id} is not measured: {reason}"]
        elif missing and job is not None:
            yield record, job, missing


def lacking(record: Record, metrics: Sequence[Metric]) -> list[Metric]:
    """Those that a job was not measured by, or with other settings."""
    have, asked = _have(record), settings_of(metrics)
    return [metric for metric in metrics if have.get(kind := kind_of(type(metric))) != asked[kind]]


def _have(record: Record) -> dict[str, Any]:
    """The settings of every metric that a job has, by kind."""
    first = json.loads(str(record.provenance.get(METRICS) or "{}"))
    return {**first, **{kind: dict(each.settings) for kind, each in record.measures.items()}}


def _job(record: Record) -> Job | None:
    """The job of a result that the spec no longer asks for; None where its data are in a file it does not name."""
    try:
        job = Job.model_validate_json(json.dumps(record.job))
    except ValidationError:
        return None
    return job if job.id == record.job_id else None


def _measure(
    store: Store, record: Record, job: Job, *, lacking: Sequence[Metric], data: "Data", device: str
) -> tuple[Mapping[str, Mapping[str, Scalar]], list[str]]:
    """Measure and keep; the columns by metric, and what went wrong, a sentence each."""
    import torch

    from klsweep.train import TrainedModel, measure

    weights = store.weights(record.job_id)
    if not weights:
        raise StoreError(
            f"{store.path}: the weights of job {record.job_id} are damaged: klsweep run mends them"
        )
    threads = record.provenance.get("threads")
    if isinstance(threads, int):
        torch.set_num_threads(threads)  # sums come in the order of the training's own measuring
    on = torch.device(device)
    model = TrainedModel.restored(job, weights, data.train.shape[1:], on)
    columns, failures = measure(model, data, metrics=lacking, device=on)
    asked = settings_of(lacking)
    store.add_measures(
        record.job_id, {kind: Measure(asked[kind], values) for kind, values in columns.items()}
    )
    return columns, [f"{record.job_id}: {kind}: {reason}" for kind, reason in failures.items()]
