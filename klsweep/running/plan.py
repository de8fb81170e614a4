"""What a run would do: which fleets, what is done already, and how long the rest should take."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from klsweep.result import Status
from klsweep.running.devices import cores
from klsweep.running.fleets import FleetPlan, Shard, fleets, recorded, shape_key, unfinished
from klsweep.spec import Sweep
from klsweep.spec.job import Job
from klsweep.store import Record, Store

AGAIN = frozenset({Status.FAILED, Status.TIMEOUT, Status.INTERRUPTED})
"""What `--retry-failed` does again. A diverged job would only diverge again, to the bit."""


@dataclass(frozen=True)
class Plan:
    """The jobs of a sweep against what its results directory holds."""

    sweep: Sweep
    store: Store
    fleets: tuple[FleetPlan, ...]  # of the whole sweep
    left: tuple[FleetPlan, ...]  # those with something to train
    todo: tuple[FleetPlan, ...]  # those of them in the shard; all of them without one
    shard: Shard | None
    done: Mapping[str, Status]  # finished jobs of this sweep
    orphans: tuple[str, ...]  # finished jobs that the spec no longer asks for
    estimate_seconds: float | None  # of one worker's training; None where nothing like it was trained before

    @property
    def missing(self) -> tuple[Job, ...]:
        """Jobs without a result."""
        return tuple(job for job in self.sweep.jobs if job.id not in self.done)

    @property
    def elsewhere(self) -> int:
        """How many of them are in other shards."""
        return len(self.missing) - sum(job.id not in self.done for fleet in self.todo for job in fleet.jobs)


def plan(
    sweep: Sweep,
    store: Store,
    *,
    device: str,
    shard: Shard | None = None,
    joined: bool = False,
    slots: int | None = None,
) -> Plan:
    """Compare `sweep` with what its `store` holds. Reads only; trains nothing.

    Whoever has `joined` other runners, or trains a shard, keeps to fleets that were planned before: other machines
    may cut a sweep into other fleets. On a cluster of so many `slots` they are kept unless there are too few of them.
    """
    records = {record.job_id: record for record in store.records()}
    asked = {job.id for job in sweep.jobs}
    done = {job_id: record.status for job_id, record in records.items() if job_id in asked}
    planned = whole_plan(sweep, store, device=device, keep=joined or shard is not None, slots=slots)
    trained_in = {job_id: str(records[job_id].provenance.get("fleet")) for job_id in done}
    todo = unfinished(shard.share(planned) if shard else planned, done, trained_in)
    return Plan(
        sweep=sweep,
        store=store,
        fleets=planned,
        left=unfinished(planned, done, trained_in),
        todo=todo,
        shard=shard,
        done=done,
        orphans=tuple(sorted(records.keys() - asked)),
        estimate_seconds=_estimate(todo, records.values(), sweep),
    )


def whole_plan(
    sweep: Sweep, store: Store, *, device: str, keep: bool, slots: int | None = None
) -> tuple[FleetPlan, ...]:
    """All fleets of a sweep; to `keep` those that were planned before, where there are any.

    A cluster has more workers now and fewer then: what was planned for as many `slots`, or more, is kept too.
    """
    cut = fleets_of(sweep, device, slots)
    before = recorded(sweep.jobs, store.work.plan()) if keep or slots is not None else ()
    return before if before and (keep or len(before) >= len(cut)) else cut


def fleets_of(sweep: Sweep, device: str, slots: int | None = None) -> tuple[FleetPlan, ...]:
    """All fleets of a sweep, done or not, on this machine or on a cluster of so many slots."""
    return fleets(sweep.jobs, device, cores=cores() if slots is None else slots)


def _estimate(todo: Iterable[FleetPlan], records: Iterable[Record], sweep: Sweep) -> float | None:
    """Seconds of one worker, from the median seconds per step and member of finished jobs of the same shape."""
    speeds: dict[str, list[float]] = {}
    for record in records:
        seconds, steps = record.row.get("train_seconds"), record.provenance.get("steps")
        if isinstance(seconds, float) and isinstance(steps, int):
            speeds.setdefault(_pace_key(record.job), []).append(seconds / steps)
    paces = {key: statistics.median(seconds) for key, seconds in speeds.items()}
    total = 0.0
    for fleet in todo:
        lead = fleet.jobs[0]
        if (pace := paces.get(_pace_key(lead.identity))) is None:
            return None
        total += len(fleet.jobs) * lead.train.length(sweep.facts_of(lead).sizes[0]).steps * pace
    return total


def _pace_key(identity: Mapping[str, object]) -> str:
    """What decides the time of one step: the shape of the job less how long it trains."""
    train = identity["train"]
    assert isinstance(train, dict)
    same = {name: value for name, value in train.items() if name not in ("epochs", "steps", "lr")}
    return shape_key({**identity, "train": same})
