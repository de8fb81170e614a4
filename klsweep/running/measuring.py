"""Metrics of a finished sweep, measured from the weights it keeps. Nothing is trained, and no result is touched."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from klsweep.errors import StoreError
from klsweep.metrics import Metric, settings_of
from klsweep.part import kind_of
from klsweep.result import METRICS, Status
from klsweep.spec import Sweep
from klsweep.spec.job import Job
from klsweep.store import Measure, Record, Store

if TYPE_CHECKING:
    from klsweep.data import Data


@dataclass(frozen=True)
class Measured:
    """How measuring ended, in jobs; `notes` are for the user's eyes."""

    sweep: str
    measured: int
    skipped: int  # that had all of it already
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
    notes: list[str] = []
    with store.held():
        todo = list(_todo(store, known, sweep.metrics, notes))
        by_data = itertools.groupby(
            sorted(todo, key=lambda each: each[1].dataset.label), lambda each: each[1].dataset
        )
        done = 0
        for dataset, group in by_data:
            data = dataset.load(data_dir)
            for record, job, missing in group:
                notes += _measure(store, record, job, lacking=missing, data=data, device=device)
                done += 1
                listen(done, len(todo))
    finished = sum(record.status is Status.OK for record in store.records())
    return Measured(store.name, len(todo), finished - len(todo) - len(notes), tuple(notes))


def _todo(
    store: Store, known: dict[str, Job], metrics: Sequence[Metric], notes: list[str]
) -> Iterator[tuple[Record, Job, list[Metric]]]:
    """The finished jobs that lack a metric, with those they lack."""
    for record in store.records():
        if record.status is not Status.OK:
            continue
        missing = lacking(record, metrics)
        job = known.get(record.job_id) or _job(record)
        if missing and not store.kept_weights(record.job_id):
            notes.append(
                f"{record.job_id} is not measured: its weights were not kept: run.keep_weights was false"
            )
        elif missing and job is None:
            notes.append(f"{record.job_id} is not measured: its data are named in no spec that is kept")
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
) -> list[str]:
    """Measure and keep; what went wrong, a sentence each."""
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
    return [f"{record.job_id}: {kind}: {reason}" for kind, reason in failures.items()]
