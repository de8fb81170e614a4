"""One run of a sweep: check, plan, hand out fleets, and say truthfully how it ended."""

import contextlib
import platform
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from joblib import Parallel, delayed

from klsweep.errors import Interrupted
from klsweep.result import Scalar, Status
from klsweep.running.devices import Hands, choose_devices, choose_hands
from klsweep.running.events import Began, FleetEnded, FleetStarted, Listener, Said, one_at_a_time
from klsweep.running.fleets import FleetPlan
from klsweep.running.plan import AGAIN, Plan, fleets_of, plan
from klsweep.running.stop import Stop, on_signals
from klsweep.running.supervise import Crew, attend, pass_on
from klsweep.running.task import Task, Work, train_fleet
from klsweep.spec import Sweep
from klsweep.store import Store

Backend = Literal["local", "inline"]


@dataclass(frozen=True)
class Options:
    """How to run; nothing of it changes a result."""

    results: Path = Path("results")
    data_dir: Path | None = None
    device: str = "auto"
    workers: int | None = None
    backend: Backend = "local"
    retry_failed: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Summary:
    """How a run ended. `statuses` counts every finished job of the sweep, those of earlier runs too."""

    sweep: str
    path: Path
    jobs: int
    trained: int  # results that this run added
    statuses: Mapping[Status, int]
    seconds: float
    unfinished: int = 0  # jobs that this run was to train and that have no result
    signal: int | None = None  # by which the run was interrupted
    notes: tuple[str, ...] = ()

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
    devices = choose_devices(options.device)
    hands = choose_hands(devices, options.workers, len(fleets_of(sweep, devices[0])))
    listen = one_at_a_time(listen)
    store = Store.open(options.results, sweep.name)
    with store.held():
        planned, notes = _prepare(sweep, store, options, devices[0])
        for note in notes:
            listen(Said(note))
        todo = _limited(planned.todo, options.limit)
        listen(_began(todo, planned, hands))
        facts = {job.id: sweep.facts_of(job) for job in sweep.jobs}
        crew = Crew(work, listen, Stop(), _slots(hands), facts)
        dispatch = _in_this_process if options.backend == "inline" else _in_children
        dispatch([_task(fleet, planned, options, hands) for fleet in todo], crew)
        return _summary(planned, todo, time.monotonic() - started, (crew.stop.signal, notes))


def _prepare(sweep: Sweep, store: Store, options: Options, device: str) -> tuple[Plan, tuple[str, ...]]:
    """Tidy the store, keep the spec, plan; and what a person should know of all that."""
    store.sweep_temporaries()
    damaged = store.set_aside_damaged()
    if options.retry_failed:
        asked = {job.id for job in sweep.jobs}
        for record in store.refreshed().records():
            if record.status in AGAIN and record.job_id in asked:
                store.withdraw(record.job_id)
    planned = plan(sweep, options.results, device=device)
    store.write_spec(sweep.text)
    store.write_plan({fleet.id: fleet.job_ids for fleet in planned.fleets})
    store.clear_fleets_but({fleet.id for fleet in planned.todo})
    orphaned = (
        (f"{len(planned.orphans)} results belong to no job of this spec and stay: {_some(planned.orphans)}",)
        if planned.orphans
        else ()
    )
    return planned, (*sweep.notes, *damaged, *orphaned)


def _began(todo: tuple[FleetPlan, ...], planned: Plan, hands: Hands) -> Began:
    jobs = [job for fleet in todo for job in fleet.jobs]
    return Began(
        jobs=len(jobs),
        fleets=len(todo),
        skipped=len(planned.done.keys() - {job.id for job in jobs}),
        model_epochs=sum(job.train.length(planned.sweep.facts_of(job).sizes[0]).epochs for job in jobs),
        workers=len(hands.devices),
        threads=hands.threads,
        device=",".join(dict.fromkeys(hands.devices)),
    )


def _in_children(tasks: list[Task], crew: Crew) -> None:
    """Threads that each supervise one child at a time; joblib hands them the fleets."""
    if not tasks:
        return
    workers = crew.slots.qsize()
    supervisors = Parallel(
        n_jobs=workers,
        backend="threading",
        batch_size=1,
        pre_dispatch="n_jobs",
        return_as="generator_unordered",
    )
    with on_signals(crew.stop, lambda text: crew.listen(Said(text))):
        try:
            for _ in supervisors(delayed(attend)(task, crew) for task in tasks):
                pass
        except BaseException:
            crew.stop.now()
            # A slot comes back when its child has ended: nothing trains on after this.
            for _ in range(workers):
                crew.slots.get()
            raise


def _in_this_process(tasks: list[Task], crew: Crew) -> None:
    """One fleet after another, here: slower to start, and an exception comes out naked."""
    with on_signals(crew.stop, lambda text: crew.listen(Said(text)), twice_raises=True):
        for task in tasks:
            if not crew.stop.asked.is_set():
                _here(task, crew)


def _here(task: Task, crew: Crew) -> None:
    finished = False
    crew.listen(FleetStarted(task.fleet.id, len(task.fleet.jobs)))
    try:
        with task.folder.under_way(task.fleet.job_ids), contextlib.suppress(Interrupted):
            crew.work(task, lambda message: pass_on(message, task, crew), crew.stop.asked.is_set)
            finished = True
    finally:
        crew.listen(FleetEnded(task.fleet.id, finished=finished))
    if finished:
        task.folder.clear()


def _task(fleet: FleetPlan, planned: Plan, options: Options, hands: Hands) -> Task:
    provenance: dict[str, Scalar] = {"host": platform.node()}
    return Task(
        fleet=fleet,
        store=planned.store.path,
        data_dir=options.data_dir,
        device=hands.devices[0],
        threads=hands.threads,
        provenance=provenance,
    )


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
    planned: Plan, todo: tuple[FleetPlan, ...], seconds: float, ending: tuple[int | None, tuple[str, ...]]
) -> Summary:
    asked = {job.id for job in planned.sweep.jobs}
    records = {record.job_id: record for record in planned.store.refreshed().records()}
    return Summary(
        sweep=planned.sweep.name,
        path=planned.store.path,
        jobs=len(asked),
        trained=len(asked & records.keys()) - len(planned.done),
        statuses=Counter(records[job_id].status for job_id in asked & records.keys()),
        seconds=seconds,
        unfinished=sum(job.id not in records for fleet in todo for job in fleet.jobs),
        signal=ending[0],
        notes=ending[1],
    )


def _some(names: tuple[str, ...], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
