"""One run of a sweep: check, plan, hand out fleets, and say truthfully how it ended."""

import shlex
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from klsweep.metrics import settings_of
from klsweep.part import kind_of
from klsweep.result import UNMEASURED, Status, job_digest
from klsweep.running import spectra
from klsweep.running.backends import Asked, Name, opened
from klsweep.running.devices import Hands
from klsweep.running.dispatch import Backend, share_out
from klsweep.running.events import Began, Listener, Said, one_at_a_time
from klsweep.running.fleets import FleetPlan, Shard
from klsweep.running.measuring import lacking
from klsweep.running.plan import AGAIN, Plan, plan, whole_plan
from klsweep.running.provenance import other_code, provenance
from klsweep.running.rooms import Rooms
from klsweep.running.stop import Stop, on_signals
from klsweep.running.supervise import Crew, settle
from klsweep.running.task import Task, Work, train_fleet
from klsweep.spec import Sweep
from klsweep.store import Record, Store


@dataclass(frozen=True)
class Options:
    """How to run; nothing of it changes a result."""

    results: Path = Path("results")
    data_dir: Path | None = None
    device: str = "auto"
    workers: int | None = None
    backend: Name = "local"
    address: str | None = None  # of a cluster's scheduler; None for one of this machine
    retry_failed: bool = False
    limit: int | None = None
    shard: Shard | None = None


@dataclass(frozen=True)
class Summary:
    """How a run ended. `statuses` counts every finished job of the sweep, those of earlier runs too."""

    sweep: str
    path: Path
    jobs: int
    trained: int  # results that this run added
    statuses: Mapping[Status, int]
    seconds: float
    elsewhere: int = 0  # results that other runs added meanwhile
    unfinished: int = 0  # jobs that this run was to train and that have no result
    unasked: int = 0  # jobs of other shards that have no result
    signal: int | None = None  # by which the run was interrupted
    notes: tuple[str, ...] = ()
    unmeasured: int = 0  # of the results that this run added, those of which a metric failed

    @property
    def missing(self) -> int:
        """Jobs without a result."""
        return self.jobs - sum(self.statuses.values())

    @property
    def exit_code(self) -> int:
        """0: all that was asked is done; 1: some jobs failed or diverged; 128 + signal: interrupted."""
        if self.signal is not None:
            return 128 + self.signal
        bad = any(count for status, count in self.statuses.items() if status is not Status.OK)
        return 1 if bad or self.unfinished else 0


def run(
    sweep: Sweep, options: Options, listen: Listener = lambda _event: None, *, work: Work = train_fleet
) -> Summary:
    """Train what `sweep` has not finished under `options.results`. Raises `KlsweepError` before any training.

    `work` is what a child does with a fleet; it must be a function that a new process can import.
    """
    started = time.monotonic()
    listen = one_at_a_time(listen)
    asked = Asked(options.backend, options.address, options.device, options.workers)
    with opened(asked, sweep, listen) as backend:
        return _with_backend(backend, sweep, options, listen, work, started)


def _with_backend(
    backend: Backend, sweep: Sweep, options: Options, listen: Listener, work: Work, started: float
) -> Summary:
    store, hands = Store.open(options.results, sweep.name), backend.hands
    with store.work.member(_runs(sweep)) as me, Rooms() as rooms:
        with me.admitted(lambda text: listen(Said(text))) as others:
            planned, notes = _prepare(sweep, store, options, backend, joined=bool(others))
        for note in notes:
            listen(Said(note))
        todo = _limited(planned.todo, options.limit)
        listen(_began(todo, planned, hands))
        facts = {job.id: sweep.facts_of(job) for job in sweep.jobs}
        crew = Crew(work, settle, me, listen, Stop(), _slots(hands), facts, rooms)
        tasks = _tasks(todo, planned, options, hands, spectra.keepers(todo, store), me.me.token)
        stopping = on_signals(crew.stop, lambda text: listen(Said(text)), twice_raises=backend.in_this_thread)
        with stopping, backend.at_work(tasks, sweep, crew) as once:
            share_out(tasks, crew, once)
        return _summary(planned, todo, time.monotonic() - started, crew, notes)


def _runs(sweep: Sweep) -> str:
    """What runners of one sweep must have in common: its jobs, and what is measured of them."""
    return job_digest({"jobs": [job.id for job in sweep.jobs], "metrics": settings_of(sweep.metrics)})


def _prepare(
    sweep: Sweep, store: Store, options: Options, backend: Backend, *, joined: bool
) -> tuple[Plan, tuple[str, ...]]:
    """Tidy the store, keep the spec, plan; and what a person should know of all that.

    Who has `joined` others leaves alone what may be theirs.
    """
    if not joined:
        store.sweep_temporaries()
    damaged = store.set_aside_damaged()
    device, slots = backend.hands.devices[0], backend.slots
    if options.retry_failed:
        planned_before = whole_plan(
            sweep, store, device=device, keep=joined or options.shard is not None, slots=slots
        )
        _withdraw_failed(store, planned_before, options.shard)
    if damaged or options.retry_failed:
        store = store.refreshed()
    planned = plan(sweep, store, device=device, shard=options.shard, joined=joined, slots=slots)
    store.write_spec(sweep.text)
    store.work.write_plan({fleet.id: fleet.job_ids for fleet in planned.fleets})
    if not joined:
        store.work.clear_fleets_but({fleet.id for fleet in planned.left})
    orphaned = (
        (f"{len(planned.orphans)} results belong to no job of this spec and stay: {_some(planned.orphans)}",)
        if planned.orphans
        else ()
    )
    kept = [record for record in store.records() if record.job_id in planned.done]
    return planned, (*sweep.notes, *damaged, *orphaned, *other_code(kept), *_unmeasured(kept, planned))


def _unmeasured(kept: Iterable[Record], planned: Plan) -> tuple[str, ...]:
    """What is asked to be measured of jobs that were done before, and will not be: nothing is trained again for it."""
    metrics, path = planned.sweep.metrics, planned.store.path
    by_kind = Counter(
        kind_of(type(metric))
        for record in kept
        if record.status is Status.OK
        for metric in lacking(record, metrics)
    )
    return tuple(
        f"{count} finished {'job lacks' if count == 1 else 'jobs lack'} {kind} as this spec asks for it: "
        f"klsweep measure {shlex.quote(str(path))} --metric {kind}"
        for kind, count in by_kind.items()
    )


def _withdraw_failed(store: Store, planned: tuple[FleetPlan, ...], shard: Shard | None) -> None:
    """Set aside the results that are to be made again: those of this shard."""
    asked = {job_id for fleet in (shard.share(planned) if shard else planned) for job_id in fleet.job_ids}
    for record in store.refreshed().records():
        if record.status in AGAIN and record.job_id in asked:
            store.withdraw(record.job_id)


def _began(todo: tuple[FleetPlan, ...], planned: Plan, hands: Hands) -> Began:
    jobs = [job for fleet in todo for job in fleet.jobs]
    return Began(
        jobs=len(jobs),
        fleets=len(todo),
        skipped=len(planned.done.keys() - {job.id for job in jobs}),
        model_epochs=sum(job.train.length(planned.sweep.facts_of(job).sizes[0]).epochs for job in jobs),
        workers=len(hands.devices),
        threads=hands.threads,
        device=",".join(dict.fromkeys(hands.devices)) + (f", {hands.cluster}" if hands.cluster else ""),
    )


def _tasks(
    todo: Iterable[FleetPlan],
    planned: Plan,
    options: Options,
    hands: Hands,
    axes: Mapping[str, int],
    run: str,
) -> list[Task]:
    whole = {job_id: fleet.id for fleet in planned.fleets for job_id in fleet.job_ids}
    return [
        Task(
            fleet=fleet,
            planned=whole[fleet.job_ids[0]],
            store=planned.store.path,
            data_dir=options.data_dir,
            device=hands.devices[0],
            threads=hands.threads,
            metrics=planned.sweep.metrics,
            axes=axes.get(fleet.id, 0),
            limits=planned.sweep.run,
            provenance={**provenance(planned.sweep.text), "run": run},
        )
        for fleet in todo
    ]


def _slots(hands: Hands) -> "SimpleQueue[str]":
    slots: SimpleQueue[str] = SimpleQueue()
    for device in hands.devices:
        slots.put(device)
    return slots


def _limited(todo: tuple[FleetPlan, ...], limit: int | None) -> tuple[FleetPlan, ...]:
    """The first fleets, whole, until they hold `limit` jobs."""
    taken: list[FleetPlan] = []
    for fleet in todo:
        if limit is not None and sum(len(one.jobs) for one in taken) >= limit:
            break
        taken.append(fleet)
    return tuple(taken)


def _summary(
    planned: Plan, todo: tuple[FleetPlan, ...], seconds: float, crew: Crew, notes: tuple[str, ...]
) -> Summary:
    asked = {job.id for job in planned.sweep.jobs}
    store = planned.store.refreshed() if todo else planned.store
    records = {record.job_id: record for record in store.records() if record.job_id in asked}
    new = [record for job_id, record in records.items() if job_id not in planned.done]
    trained = [record for record in new if record.provenance.get("run") == crew.member.me.token]
    unmeasured = [record for record in trained if record.provenance.get(UNMEASURED)]
    withdrawn = planned.done.keys() - records.keys()  # by another run, while this one went on
    return Summary(
        sweep=planned.sweep.name,
        path=planned.store.path,
        jobs=len(asked),
        trained=len(trained),
        statuses=Counter(record.status for record in records.values()),
        seconds=seconds,
        elsewhere=len(new) - len(trained),
        unfinished=sum(job.id not in records for fleet in todo for job in fleet.jobs) + len(withdrawn),
        unasked=planned.elsewhere,
        signal=crew.stop.signal,
        notes=notes,
        unmeasured=len(unmeasured),
    )


def _some(names: tuple[str, ...], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
