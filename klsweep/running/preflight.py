"""Whether the disk has room for what a run will write, and the memory for what it trains at once; asked before it.

What is counted is the least there can be: parameters, their gradients and moments, and the data. Activations come on
top. Fleets are not made smaller by this, for then their results would depend on what else a machine does; a fleet that
runs out of memory is halved when it does.
"""

import contextlib
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from klsweep.errors import StoreError
from klsweep.running import child, rooms
from klsweep.running.child import LastWord
from klsweep.running.devices import Hands
from klsweep.running.events import Said
from klsweep.running.fleets import FleetPlan
from klsweep.running.supervise import POLL_SECONDS, Crew
from klsweep.running.task import Say, Task, Weighed
from klsweep.spec import Sweep
from klsweep.spec.job import Job

FLOAT_BYTES = 4

HELD = {"adam": 4, "adamw": 4, "sgd": 3}
"""Numbers in memory for each parameter: itself, its gradient, and what the optimiser remembers, at most."""

SAVED = {"adam": 3, "adamw": 3, "sgd": 2}
"""Numbers in a checkpoint for each parameter."""

REST_BYTES = 16_384
"""What a job keeps beside its weights, at least: four files of one block or more each."""

V2 = ("memory.max", "memory.current")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
"""The files of a control group that say its limit and its use."""

PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Needs:
    """Bytes that a run needs at least."""

    disk: int
    memory: int  # of all workers at once


def weigh(task: Task, say: Say, stopping: object) -> None:  # noqa: ARG001 - the signature of a work
    """Count the parameters of one model of each job, without making them."""
    import torch

    for job in task.fleet.jobs:
        shape = job.dataset.facts(task.data_dir).input_shape
        with torch.device("meta"):
            network = job.model.build(shape, job.latent_dim, job.likelihood.params_per_value)
            own = job.likelihood.parameters(shape)
        values = (*network.parameters(), *own.values())
        say(Weighed(job.id, sum(value.numel() for value in values)))


def check(tasks: Sequence[Task], sweep: Sweep, hands: Hands, crew: Crew) -> None:
    """`StoreError` where the disk cannot hold what these tasks will write; a word where the memory cannot."""
    if not tasks:
        return
    needed = needs(tasks, sweep, hands, _weighed(tasks[0], [task.fleet.jobs[0] for task in tasks], crew))
    store = tasks[0].store
    free = shutil.disk_usage(store).free
    if needed.disk > free:
        raise StoreError(
            f"{store}: what this run keeps needs at least {_said(needed.disk)}, and {_said(free)} are free: make room, "
            "choose another place with --results DIR, keep no weights with run.keep_weights=false, or train a part "
            "with --limit"
        )
    memory = free_memory() if hands.devices[0] == "cpu" and not hands.cluster else None
    if memory is not None and needed.memory > memory:
        workers = "1 worker needs" if len(hands.devices) == 1 else f"{len(hands.devices)} workers need"
        crew.listen(
            Said(
                f"{workers} at least {_said(needed.memory)} of memory, and {_said(memory)} are free: "
                "fewer --workers need less; a fleet that does not fit is halved"
            )
        )


def needs(tasks: Sequence[Task], sweep: Sweep, hands: Hands, parameters: Mapping[str, int]) -> Needs:
    """What these tasks need; nothing is counted of a model whose number of parameters, by job id, is not known."""
    disk, trained, read, saved = 0, [0], [0], [0]
    for task in tasks:
        lead, members = task.fleet.jobs[0], len(task.fleet.jobs)
        weights = FLOAT_BYTES * members * parameters.get(lead.id, 0)
        disk += members * REST_BYTES + (weights if task.limits.keep_weights else 0)
        facts = sweep.facts_of(lead)
        read.append(FLOAT_BYTES * prod(facts.input_shape) * sum(facts.sizes))
        trained.append(weights * HELD[lead.train.optimizer])
        saved.append(weights * SAVED[lead.train.optimizer])
    at_once = len(hands.devices)
    data = max(read) if rooms.POSSIBLE else sum(sorted(read)[-at_once:])
    return Needs(disk + sum(sorted(saved)[-at_once:]), sum(sorted(trained)[-at_once:]) + data)


def free_memory() -> int | None:
    """Bytes that this machine, or the control group it is in, can give; None where the system does not say."""
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    found += group_room(Path("/"))
    return min(found) if found else None


def group_room(root: Path) -> list[int]:
    """Bytes that the control group of this process, and each above it, may still take, where one has a limit.

    `root` is where /proc and /sys are. Both versions' files: control-group-v2 and cgroup-v1/memory of Linux.
    """
    found: list[int] = []
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        names = V1 if controllers else V2
        own = mount / path.lstrip("/")
        for group in (own, *own.parents):
            if not group.is_relative_to(mount):
                break
            with contextlib.suppress(OSError, ValueError):  # "max", where there is no limit
                limit, used = (int((group / name).read_text()) for name in names)
                found.append(limit - used)
    return found


def _weighed(task: Task, jobs: Sequence[Job], crew: Crew) -> dict[str, int]:
    """The number of parameters of each job's model, as far as a child can tell."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    found: dict[str, int] = {}
    living = child.start(weigh, replace(task, fleet=FleetPlan(tuple(jobs))))
    try:
        with contextlib.suppress(EOFError, OSError):
            while time.monotonic() < deadline and not crew.stop.asked.is_set():
                if not living.line.poll(POLL_SECONDS):
                    continue
                word = living.line.recv()
                if isinstance(word, LastWord):
                    break
                found[word.job_id] = word.parameters
    finally:
        living.end()
        living.line.close()
        living.output.close()
    return found


def _said(count: int) -> str:
    """Bytes as a person says them."""
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.3g} {units[0]}"
