"""Whoever receives a fleet: look in the store, train it in a child, and settle what goes wrong."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue

from klsweep.data import Facts
from klsweep.errors import StoreError
from klsweep.result import Result
from klsweep.running import child
from klsweep.running.child import Child, Finished, LastWord, Raised, Stopped, Unwritable
from klsweep.running.clock import Clock, Trouble
from klsweep.running.events import DoneElsewhere, EpochDone, FleetEnded, FleetStarted, JobDone, Listener, Said
from klsweep.running.fleets import FleetPlan
from klsweep.running.rooms import Rooms
from klsweep.running.stop import GRACE_SECONDS, Stop
from klsweep.running.task import Committed, Task, Trained, Word, Work
from klsweep.spec.row import settings_row
from klsweep.store import Member, Store

POLL_SECONDS = 0.2

HOLD_SECONDS = 5.0
"""How often a supervisor looks whether the fleet is still this runner's."""

LAST_READS = 16
"""Of what a dead child printed; more than its pipe holds. What it started may print on for ever."""


@dataclass(frozen=True)
class Crew:
    """What the supervisors of one run share."""

    work: Work
    train: "Callable[[Task, Crew], None]"
    member: Member
    listen: Listener
    stop: Stop
    slots: "SimpleQueue[str]"  # devices that are free
    facts: Mapping[str, Facts]  # by job id
    rooms: Rooms


@dataclass(frozen=True)
class Lost:
    """An attempt that was given up, for another runner has the fleet now."""


End = Finished | Stopped | Unwritable | Trouble | Lost


def attend(task: Task, crew: Crew) -> Task | None:
    """Train a fleet, unless the store has it all, until each member has its result or the run is asked to stop.

    Gives the task back where another runner has the fleet. Raises nothing of the jobs'; `StoreError` where the store
    takes no results. Whatever it raises ends the run.
    """
    if crew.stop.asked.is_set():
        return None
    device = crew.slots.get()
    try:
        if not crew.member.take(task.planned, task.fleet.job_ids):
            return task
        try:
            return _with_fleet(replace(task, device=device), crew)
        finally:
            crew.member.drop(task.planned)
    except BaseException:
        crew.stop.now()
        raise
    finally:
        crew.slots.put(device)


def _with_fleet(task: Task, crew: Crew) -> Task | None:
    store = Store(task.store)
    if not store.lacking(task.fleet.job_ids):
        lengths = [job.train.length(crew.facts[job.id].sizes[0]) for job in task.fleet.jobs]
        crew.listen(DoneElsewhere(len(lengths), sum(each.epochs for each in lengths)))
        return None
    crew.train(task, crew)
    if not crew.member.holds(task.planned):
        return task
    if not store.lacking(task.fleet.job_ids):
        task.folder.clear()
    return None


def settle(task: Task, crew: Crew) -> None:
    """Train in children until every job has a result; what dies or stands still is tried again a few times."""
    _settle(task, crew, retries=task.limits.retries)


def _settle(task: Task, crew: Crew, *, retries: int) -> None:
    """Train; a fleet that failed is halved again and again until the guilty job stands alone."""
    end = _supervised(task, crew)
    if isinstance(end, Unwritable):
        if crew.member.holds(task.planned):  # or else whoever has it now has cleared its folder
            raise StoreError(end.reason)
        return
    if not isinstance(end, Trouble) or crew.stop.asked.is_set():
        return
    for part, again in attempts(task, end, crew, retries=retries):
        if not crew.stop.asked.is_set() and crew.member.holds(task.planned):
            _settle(part, crew, retries=again)
            if part is not task:
                part.folder.clear()


def attempts(task: Task, end: Trouble, crew: Crew, *, retries: int) -> Iterator[tuple[Task, int]]:
    """What to try after an attempt that failed, and how often again: the same once more, or what is left of halves.

    Nothing where a job stands alone; it is committed as failed.
    """
    if end.accident and retries:
        crew.listen(Said(f"fleet {task.fleet.id}: {end.reason}; it is tried once more"))
        yield task, retries - 1
    elif len(task.fleet.jobs) > 1:
        crew.listen(Said(f"fleet {task.fleet.id}: {end.reason}; it is halved to find the job at fault"))
        for half in task.fleet.halves():
            part = _remaining(replace(task, fleet=half))
            if part.fleet.jobs:
                yield part, 0
    else:
        _fail(task, end, crew)


def _supervised(task: Task, crew: Crew) -> End:
    """One attempt in a child process."""
    crew.listen(FleetStarted(task.fleet.id, len(task.fleet.jobs)))
    end: End = Stopped()
    try:
        with task.folder.logging() as log:
            with in_a_room(task, crew) as placed:
                living = child.start(crew.work, placed)
            try:
                end = _watched(living, task, crew, log)
            finally:
                living.end()
                for _ in range(LAST_READS):
                    log(living.printed() or b"")
                living.line.close()
                living.output.close()
    finally:
        crew.listen(FleetEnded(task.fleet.id, finished=isinstance(end, Finished)))
    return end


@contextlib.contextmanager
def in_a_room(task: Task, crew: Crew) -> Iterator[Task]:
    """The task with the room where its data are, or will be."""
    with crew.rooms.room(task.fleet.jobs[0].dataset.model_dump_json()) as room:
        yield replace(task, room=room)


def _watched(living: Child, task: Task, crew: Crew, log: Callable[[bytes], None]) -> End:
    """What the child says goes on to the listener, and what it prints to the log; asked to stop, it has its grace."""
    clock, held, deadline = Clock(task.limits, len(task.fleet.jobs)), time.monotonic(), None
    sources: list[Connection | int] = [living.line, living.process.sentinel, living.output]
    while True:
        ready = wait(sources, timeout=POLL_SECONDS)
        if living.output in ready:
            printed = living.printed()
            log(printed or b"")
            if printed is None:
                sources.remove(living.output)
        if living.line in ready:
            try:
                message = living.line.recv()
            except (EOFError, OSError):
                return _death(living.process)
            if isinstance(message, LastWord):
                return _last(message, expected=deadline is not None)
            clock.silent = 0.0
            pass_on(message, task, crew)
        elif living.process.sentinel in ready:
            return _death(living.process)
        now = time.monotonic()
        if crew.stop.asked.is_set() and deadline is None:
            deadline = now + GRACE_SECONDS
            # It may have ended just now; then its last word is still to be heard.
            with contextlib.suppress(OSError):
                living.line.send("stop")
        if crew.stop.at_once.is_set() or (deadline is not None and now > deadline):
            return Stopped()
        if trouble := clock.look():
            return trouble
        if now - held >= HOLD_SECONDS:
            if not crew.member.holds(task.planned):
                return Lost()
            held = now


def pass_on(message: Word, task: Task, crew: Crew) -> None:
    """Tell the listener what a fleet says of itself."""
    match message:
        case Trained(epoch, epochs):
            crew.listen(EpochDone(task.fleet.id, epoch, epochs))
        case Committed(job_id, status, error):
            crew.listen(JobDone(job_id, status, error))


def _last(message: LastWord, *, expected: bool) -> End:
    """How it ended, by its own word; `expected` where it was asked to stop."""
    match message:
        case Raised(reason, trace):
            return Trouble(reason, trace)
        case Stopped() if not expected:
            return Trouble("its process was told to end by somebody else", accident=True)
    assert not isinstance(message, Raised)
    return message


def _death(process: BaseProcess) -> Trouble:
    process.join()
    code = process.exitcode or 0
    if code >= 0:
        return Trouble(f"its process ended with exit code {code} before it was done", accident=True)
    name = signal.Signals(-code).name
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return Trouble(f"its process was killed by {name}{hint}", accident=True)


def _remaining(task: Task) -> Task:
    """The task without the jobs that have a result."""
    lacking = Store(task.store).lacking(task.fleet.job_ids)
    return replace(task, fleet=FleetPlan(tuple(job for job in task.fleet.jobs if job.id in lacking)))


def _fail(task: Task, end: Trouble, crew: Crew) -> None:
    """Commit the one job of a fleet as failed, with all that is known of it; the reason comes last."""
    job, store = task.fleet.jobs[0], Store(task.store)
    facts = crew.facts[job.id]
    row = settings_row(job, input_dim=facts.input_dim, train_size=facts.sizes[0])
    printed = "" if end.trace else task.folder.log_tail()
    store.commit(
        Result(
            job_id=job.id,
            job=job.identity,
            status=end.status,
            row={"job_id": job.id, "status": end.status.value, **row},
            error=end.trace or f"{printed}\n{end.reason}".strip(),
            provenance={**task.provenance, "device": task.device},
        )
    )
    crew.listen(JobDone(job.id, end.status, end.reason))
