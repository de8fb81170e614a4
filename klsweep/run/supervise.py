"""Whoever receives a fleet: look in the store, train it in a child, and settle what goes wrong."""

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue

from klsweep.data import Facts
from klsweep.result import Result, Status
from klsweep.run import child
from klsweep.run.child import Finished, Raised, Stopped
from klsweep.run.events import EpochDone, FleetEnded, FleetStarted, JobDone, Listener, Said
from klsweep.run.fleets import FleetPlan
from klsweep.run.stop import GRACE_SECONDS, Stop
from klsweep.run.task import Committed, Task, Trained, Work
from klsweep.spec.job import Job
from klsweep.spec.row import settings_row
from klsweep.store import Store

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Crew:
    """What the supervisors of one run share."""

    work: Work
    listen: Listener
    stop: Stop
    slots: "SimpleQueue[str]"  # devices that are free
    facts: Mapping[str, Facts]  # by job id


def attend(task: Task, crew: Crew) -> None:
    """Train a fleet until each member has its result or the run is asked to stop. Raises nothing of the jobs'."""
    if crew.stop.asked.is_set():
        return
    device = crew.slots.get()
    crew.listen(FleetStarted(task.fleet.id, len(task.fleet.jobs)))
    try:
        _settle(replace(task, device=device), crew, retry=True)
    finally:
        crew.slots.put(device)
        crew.listen(FleetEnded(task.fleet.id))


def _settle(task: Task, crew: Crew, *, retry: bool) -> None:
    """Train; a fleet that died is tried once more, then halved again and again until the guilty job stands alone."""
    end = _supervised(task, crew)
    store = Store(task.store)
    if isinstance(end, Finished):
        store.clear_fleet(task.fleet.id)
        return
    if isinstance(end, Stopped) or crew.stop.asked.is_set():
        return
    died = end.trace == ""
    if died and retry:
        crew.listen(Said(f"fleet {task.fleet.id}: {end.reason}; it is tried once more"))
        _settle(task, crew, retry=False)
    elif len(task.fleet.jobs) > 1:
        crew.listen(Said(f"fleet {task.fleet.id}: {end.reason}; it is halved to find the job at fault"))
        for half in task.fleet.halves():
            _settle(_remaining(replace(task, fleet=half)), crew, retry=False)
    else:
        _fail(task.fleet.jobs[0], end, store, crew)


def _supervised(task: Task, crew: Crew) -> Finished | Raised | Stopped:
    """One attempt in a child process; `Raised` with an empty trace where the child died."""
    if not task.fleet.jobs:
        return Finished()
    process, line = child.start(crew.work, task)
    try:
        return _watched(process, line, task, crew)
    finally:
        child.kill(process)
        process.join()
        line.close()


def _watched(process: BaseProcess, line: Connection, task: Task, crew: Crew) -> Finished | Raised | Stopped:
    deadline: float | None = None
    while True:
        ready = wait([line, process.sentinel], timeout=POLL_SECONDS)
        if line in ready:
            try:
                message = line.recv()
            except (EOFError, OSError):
                return _death(process)
            if isinstance(message, Finished | Raised | Stopped):
                return message
            _pass_on(message, task, crew)
        elif process.sentinel in ready:
            return _death(process)
        if crew.stop.asked.is_set() and deadline is None:
            deadline = time.monotonic() + GRACE_SECONDS
            line.send("stop")
        if crew.stop.at_once.is_set() or (deadline is not None and time.monotonic() > deadline):
            return Stopped()


def _pass_on(message: Trained | Committed, task: Task, crew: Crew) -> None:
    match message:
        case Trained(epoch, epochs):
            crew.listen(EpochDone(task.fleet.id, epoch, epochs))
        case Committed(job_id, status, error):
            crew.listen(JobDone(job_id, status, error))


def _death(process: BaseProcess) -> Raised:
    process.join()
    code = process.exitcode or 0
    if code >= 0:
        return Raised(f"its process ended with exit code {code} before it was done", "")
    name = signal.Signals(-code).name
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return Raised(f"its process was killed by {name}{hint}", "")


def _remaining(task: Task) -> Task:
    """The task without the jobs that have a result."""
    done = {record.job_id for record in Store(task.store).records()}
    return replace(task, fleet=FleetPlan(tuple(job for job in task.fleet.jobs if job.id not in done)))


def _fail(job: Job, end: Raised, store: Store, crew: Crew) -> None:
    """Commit a job as failed, with all that is known of it."""
    facts = crew.facts[job.id]
    row = settings_row(job, input_dim=facts.input_dim, train_size=facts.sizes[0])
    store.commit(
        Result(
            job_id=job.id,
            job=job.identity,
            status=Status.FAILED,
            row={"job_id": job.id, "status": Status.FAILED.value, **row},
            error=end.trace or end.reason,
        )
    )
    crew.listen(JobDone(job.id, Status.FAILED, end.reason))
