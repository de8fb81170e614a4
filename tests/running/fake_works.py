"""What children do in place of training. The job of seed 13 is the one at fault."""

import errno
import os
import signal
import sys
import time
from pathlib import Path

from klsweep.errors import Interrupted
from klsweep.result import Result, Status
from klsweep.running.task import Alive, Committed, Trained
from klsweep.store import Store

GUILTY = 13


def commit(task, job, say, status=Status.OK, **fields):
    result = Result(
        job_id=job.id,
        job=job.identity,
        status=status,
        row={"job_id": job.id, "status": status.value, "seed": job.seed, "train_seconds": 2.0},
        provenance={**task.provenance, "fleet": task.fleet.id, "steps": 36},
        **fields,
    )
    Store(task.store).commit(result)
    say(Committed(job.id, status, result.error))


def obedient(task, say, stopping):
    """Does all it should, and notes each fleet beside the store."""
    with (task.store.parent / "trained.txt").open("a") as notes:
        notes.write(f"{task.fleet.id} {len(task.fleet.jobs)}\n")
    say(Trained(3, 3))
    for job in task.fleet.jobs:
        commit(task, job, say)


def killed(task, say, stopping):
    for job in task.fleet.jobs:
        if job.seed == GUILTY:
            print("something went wrong in C")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        commit(task, job, say)


def killed_once(task, say, stopping):
    marker = task.store.parent / "died"
    if not marker.exists():
        marker.touch()
        commit(task, task.fleet.jobs[0], say)
        os.kill(os.getpid(), signal.SIGKILL)
    obedient(task, say, stopping)


def told_to_end_once(task, say, stopping):
    """Somebody else ends this child politely; it stops as if the run were to stop."""
    marker = task.store.parent / "told"
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGTERM)
        while not stopping():
            time.sleep(0.01)
        raise Interrupted
    obedient(task, say, stopping)


def raises(task, say, stopping):
    if any(job.seed == GUILTY for job in task.fleet.jobs):
        raise RuntimeError("the guilty job is here: ünï\udce9")
    obedient(task, say, stopping)


def leaves_without_a_word(task, say, stopping):
    if any(job.seed == GUILTY for job in task.fleet.jobs):
        os._exit(0)
    obedient(task, say, stopping)


def exits(task, say, stopping):
    if any(job.seed == GUILTY for job in task.fleet.jobs):
        sys.exit(3)
    obedient(task, say, stopping)


def floods(task, say, stopping):
    for _ in range(2000):
        print("FLOOD" * 100)
        os.write(2, b"RAW \xff FLOOD" * 50 + b"\n")
    if any(job.seed == GUILTY for job in task.fleet.jobs):
        os.kill(os.getpid(), signal.SIGKILL)
    obedient(task, say, stopping)


def diverges(task, say, stopping):
    for job in task.fleet.jobs:
        status = Status.DIVERGED if job.seed == GUILTY else Status.OK
        commit(task, job, say, status, error="NaN" if job.seed == GUILTY else "")


def fails_until_mended(task, say, stopping):
    if not (task.store.parent / "mended").exists():
        raises(task, say, stopping)
    obedient(task, say, stopping)


def disk_full(task, say, stopping):
    """The first result fits, the second does not."""
    commit(task, task.fleet.jobs[0], say)

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    os.fsync = full
    for job in task.fleet.jobs[1:]:
        commit(task, job, say)


def disk_full_elsewhere(task, say, stopping):
    """Such as the log, or a library's own file."""
    raise OSError(errno.ENOSPC, "No space left on device")


def until_stopped(task, say, stopping):
    """Trains for ever, and says which process it is."""
    note_pid(task)
    for epoch in range(1, 100_000):
        say(Trained(epoch, 100_000))
        time.sleep(0.01)
        if stopping():
            (task.folder.path / "checkpoint").write_text(str(epoch))
            raise Interrupted


def deaf(task, say, stopping):
    """Never hears that it should stop."""
    note_pid(task)
    time.sleep(600)


def commits_nothing(task, say, stopping):
    """Claims to be done."""


def note_pid(task):
    pids = task.store.parent / "pids"
    pids.mkdir(exist_ok=True)
    made = pids / f".{os.getpid()}"
    made.touch()
    made.rename(pids / str(os.getpid()))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has died and is not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def slowly(task, say, stopping):
    """As `obedient`, in a quarter of a second, and stops when it is asked to."""
    for epoch in (1, 2, 3):
        time.sleep(0.08)
        say(Trained(epoch, 3))
        if stopping():
            raise Interrupted
    obedient(task, say, stopping)


def until_let_go(task, say, stopping):
    """Trains until there is a file that lets it go on."""
    note_pid(task)
    while not (task.store.parent / "go").exists():
        say(Alive())
        time.sleep(0.02)
        if stopping():
            raise Interrupted
    obedient(task, say, stopping)


def hangs(task, say, stopping):
    """Hangs where the guilty job is, and says so now and then that it lives."""
    while any(job.seed == GUILTY for job in task.fleet.jobs):
        say(Alive())
        time.sleep(0.02)
    obedient(task, say, stopping)


def falls_silent(task, say, stopping):
    if any(job.seed == GUILTY for job in task.fleet.jobs):
        print("the last words")
        sys.stdout.flush()
        time.sleep(600)
    obedient(task, say, stopping)


def stopped_once(task, say, stopping):
    """Somebody stops this child in its tracks, as with Ctrl-Z."""
    marker = task.store.parent / "stopped"
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    obedient(task, say, stopping)


def stopped(task, say, stopping):
    if any(job.seed == GUILTY for job in task.fleet.jobs):
        os.kill(os.getpid(), signal.SIGSTOP)
    obedient(task, say, stopping)


def slow_and_steady(task, say, stopping):
    """Longer than any stall that is allowed, but never silent for so long."""
    for _ in range(40):
        say(Alive())
        time.sleep(0.05)
    obedient(task, say, stopping)


def prints_for_ever(task, say, stopping):
    while any(job.seed == GUILTY for job in task.fleet.jobs):
        os.write(1, b"x" * 65_536)
    obedient(task, say, stopping)


def fits_only_two(task, say, stopping):
    """A device that has memory for two models, and torch's word when there is none left."""
    import torch

    if len(task.fleet.jobs) > 2:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    obedient(task, say, stopping)
