"""Handing out fleets: to children or to this very process, and again while other runs have some of them."""

import contextlib
from collections.abc import Callable

from joblib import Parallel, delayed

from klsweep.errors import Interrupted
from klsweep.running.events import FleetEnded, FleetStarted, Said
from klsweep.running.supervise import Crew, attend, pass_on
from klsweep.running.task import Task

LOOK_SECONDS = 1.0
"""How often a run that waits for others looks what they have done."""


def share_out(tasks: list[Task], crew: Crew, once: Callable[[list[Task], Crew], list[Task]]) -> None:
    """Train what is free, and wait for what others have: they finish it, or leave it."""
    told = False
    while tasks and not crew.stop.asked.is_set():
        tasks = once(tasks, crew)
        if tasks and not told and not crew.stop.asked.is_set():
            jobs = sum(len(task.fleet.jobs) for task in tasks)
            crew.listen(
                Said(f"other runs train {jobs} of the jobs left; waiting for them (Ctrl-C leaves at once)")
            )
            told = True
        while tasks and not crew.stop.asked.wait(LOOK_SECONDS):
            crew.member.free_the_dead()
            if any(crew.member.is_free(task.planned) for task in tasks):
                break


def in_children(tasks: list[Task], crew: Crew) -> list[Task]:
    """Threads that each supervise one child at a time; joblib hands them the fleets. Gives those that others have."""
    workers = crew.slots.qsize()
    supervisors = Parallel(
        n_jobs=workers,
        backend="threading",
        batch_size=1,
        pre_dispatch="n_jobs",
        return_as="generator",
    )
    try:
        return [task for task in supervisors(delayed(attend)(task, crew) for task in tasks) if task]
    except BaseException:
        crew.stop.now()
        # A slot comes back when its child has ended: nothing trains on after this.
        for _ in range(workers):
            crew.slots.get()
        raise


def in_this_process(tasks: list[Task], crew: Crew) -> list[Task]:
    """One fleet after another, here: slower to start, and an exception comes out naked."""
    return [task for task in tasks if attend(task, crew)]


def here(task: Task, crew: Crew) -> None:
    finished = False
    crew.listen(FleetStarted(task.fleet.id, len(task.fleet.jobs)))
    try:
        with task.folder.logging(), contextlib.suppress(Interrupted):
            crew.work(task, lambda message: pass_on(message, task, crew), crew.stop.asked.is_set)
            finished = True
    finally:
        crew.listen(FleetEnded(task.fleet.id, finished=finished))
