"""Handing out fleets: to children or to this very process, and again while other runs have some of them."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from joblib import Parallel, delayed

from klsweep.errors import Interrupted
from klsweep.running import preflight
from klsweep.running.devices import Hands
from klsweep.running.events import FleetEnded, FleetStarted, Said
from klsweep.running.supervise import Crew, attend, in_a_room, pass_on
from klsweep.running.task import Task, train_fleet
from klsweep.spec import Sweep

LOOK_SECONDS = 1.0
"""How often a run that waits for others looks what they have done."""

Once = Callable[[Sequence[Task], Crew], list[Task]]
"""Hands out fleets, each once, and waits for them; gives those that others have."""


class Backend(Protocol):
    """Who trains the fleets of a run."""

    @property
    def hands(self) -> Hands:
        """Devices and threads."""

    @property
    def slots(self) -> int | None:
        """Fleets that a cluster trains at once, as it offers; None where this machine's cores say it."""

    @property
    def in_this_thread(self) -> bool:
        """Whether a second Ctrl-C has to break into the work itself."""

    def at_work(self, tasks: Sequence[Task], sweep: Sweep, crew: Crew) -> AbstractContextManager[Once]:
        """Check that all is there that these tasks need, and be ready for them while inside."""


def share_out(tasks: list[Task], crew: Crew, once: Once) -> None:
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


@dataclass(frozen=True)
class Children:
    """Child processes of this one: threads that each supervise one at a time; joblib hands them the fleets."""

    hands: Hands
    slots: None = None
    in_this_thread: bool = False

    @contextlib.contextmanager
    def at_work(self, tasks: Sequence[Task], sweep: Sweep, crew: Crew) -> Iterator[Once]:
        """Ask whether disk and memory have room; what work other than training needs is not known."""
        if crew.work is train_fleet:
            preflight.check(tasks, sweep, self.hands, crew)
        yield self._once

    def _once(self, tasks: Sequence[Task], crew: Crew) -> list[Task]:
        workers = len(self.hands.devices)
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


@dataclass(frozen=True)
class Inline:
    """The present process, one fleet after another: slower to start, and an exception comes out naked."""

    hands: Hands
    slots: None = None
    in_this_thread: bool = True

    @contextlib.contextmanager
    def at_work(self, tasks: Sequence[Task], sweep: Sweep, crew: Crew) -> Iterator[Once]:  # noqa: ARG002
        """Nothing is asked: this is for debugging."""
        yield self._once

    def _once(self, tasks: Sequence[Task], crew: Crew) -> list[Task]:
        crew = replace(crew, train=_here)
        return [task for task in tasks if attend(task, crew)]


def _here(task: Task, crew: Crew) -> None:
    finished = False
    crew.listen(FleetStarted(task.fleet.id, len(task.fleet.jobs)))
    try:
        with task.folder.logging(), contextlib.suppress(Interrupted), in_a_room(task, crew) as placed:
            crew.work(placed, lambda message: pass_on(message, task, crew), crew.stop.asked.is_set)
            finished = True
    finally:
        crew.listen(FleetEnded(task.fleet.id, finished=finished))
