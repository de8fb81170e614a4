"""Whoever receives a fleet: look in the store, train it in a child, and settle what goes wrong."""

import contextlib
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue

from klsweep.data import Facts
from klsweep.errors import StoreError
from klsweep.result import Result, Status
from klsweep.running import child
from klsweep.running.child import Finished, LastWord, Raised, Stopped, Unwritable
from klsweep.running.events import EpochDone, FleetEnded, FleetStarted, JobDone, Listener, Said
from klsweep.running.fleets import FleetPlan
from klsweep.running.stop import GRACE_SECONDS, Stop
from klsweep.running.task import Committed, Task, Trained, Work
from klsweep.spec.row import settings_row
from klsweep.store import Store
from klsweep.version import __version__

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
    """Train a fleet, unless the store has it all, until each member has its result or the run is asked to stop.

    Raises nothing of the jobs'; `StoreError` where the store takes no results. Whatever it raises ends the run.
    """
    store = Store(task.store)
    if crew.stop.asked.is_set() or not store.lacking(task.fleet.job_ids):
        return
    device = crew.slots.get()
    try:
        with task.folder.under_way(task.fleet.job_ids):
            _settle(replace(task, device=device), crew, retry=True)
        if not store.lacking(task.fleet.job_ids):
            task.folder.clear()
    except BaseException:
        crew.stop.now()
        raise
    finally:
        crew.slots.put(device)


def _settle(task: Task, crew: Crew, *, retry: bool) -> None:
    """Train; a fleet that died is tried once more, then halved again and again until the guilty job stands alone."""
    end = _supervised(task, crew)
    if isinstance(end, Unwritable):
        raise StoreError(end.reason)
    if isinstance(end, Finished | Stopped) or crew.stop.asked.is_set():
        return
    died = end.trace == ""
    if died and retry:
        crew.listen(Said(f"fleet {task.fleet.id}: {end.reason}; it is tried once more"))
        _settle(task, crew, retry=False)
    elif len(task.fleet.jobs) > 1:
        crew.listen(Said(f"fleet {task.fleet.id}: {end.reason}; it is halved to find the job at fault"))
        for half in task.fleet.halves():
            part = _remaining(replace(task, fleet=half))
            if part.fleet.jobs and not crew.stop.asked.is_set():
                _settle(part, crew, retry=False)
                part.folder.clear()
    else:
        _fail(task, end, crew)


def _supervised(task: Task, crew: Crew) -> LastWord:
    """One attempt in a child process; `Raised` with an empty trace where the child died."""
    crew.listen(FleetStarted(task.fleet.id, len(task.fleet.jobs)))
    end: LastWord = Stopped()
    try:
        process, line = child.start(crew.work, task)
        try:
            end = _watched(process, line, task, crew)
        finally:
            child.kill(process)
            process.join()
            line.close()
    finally:
        crew.listen(FleetEnded(task.fleet.id, finished=isinstance(end, Finished)))
    return end


def _watched(process: BaseProcess, line: Connection, task: Task, crew: Crew) -> LastWord:
    """What the child says goes on to the listener; asked to stop, it has `GRACE_SECONDS`."""
    deadline: float | None = None
    while True:
        ready = wait([line, process.sentinel], timeout=POLL_SECONDS)
        if line in ready:
            try:
                message = line.recv()
            except (EOFError, OSError):
                return _death(process)
            if isinstance(message, Stopped) and deadline is None:
                return Raised("its process was told to end by somebody else", "")
            if isinstance(message, LastWord):
                return message
            pass_on(message, task, crew)
        elif process.sentinel in ready:
            return _death(process)
        if crew.stop.asked.is_set() and deadline is None:
            deadline = time.monotonic() + GRACE_SECONDS
            # It may have ended just now; then its last word is still to be heard.
            with contextlib.suppress(OSError):
                line.send("stop")
        if crew.stop.at_once.is_set() or (deadline is not None and time.monotonic() > deadline):
            return Stopped()


def pass_on(message: Trained | Committed, task: Task, crew: Crew) -> None:
    """Tell the listener what a fleet says of itself."""
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
    lacking = Store(task.store).lacking(task.fleet.job_ids)
    return replace(task, fleet=FleetPlan(tuple(job for job in task.fleet.jobs if job.id in lacking)))


def _fail(task: Task, end: Raised, crew: Crew) -> None:
    """Commit the one job of a fleet as failed, with all that is known of it; the reason comes last."""
    job, store = task.fleet.jobs[0], Store(task.store)
    facts = crew.facts[job.id]
    row = settings_row(job, input_dim=facts.input_dim, train_size=facts.sizes[0])
    printed = "" if end.trace else task.folder.log_tail()
    store.commit(
        Result(
            job_id=job.id,
            job=job.identity,
            status=Status.FAILED,
            row={"job_id": job.id, "status": Status.FAILED.value, **row},
            error=end.trace or f"{printed}\n{end.reason}".strip(),
            provenance={"klsweep": __version__, **task.provenance, "device": task.device},
        )
    )
    crew.listen(JobDone(job.id, Status.FAILED, end.reason))
