"""Fleets handed to the driver: what is said of them comes from files, and losses are settled here."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from klsweep.data.sources import user_folders
from klsweep.errors import ClusterError, StoreError
from klsweep.running.clock import Trouble
from klsweep.running.cluster import host
from klsweep.running.cluster.engine import Broke, Ended, Gone, Lost, Submit, Word
from klsweep.running.cluster.host import Order, Place
from klsweep.running.cluster.process import POLL_SECONDS, Driver
from klsweep.running.cluster.words import Ear
from klsweep.running.events import DoneElsewhere, Event, JobDone, Said
from klsweep.running.stop import GRACE_SECONDS
from klsweep.running.supervise import Crew, attempts
from klsweep.running.task import Task
from klsweep.store import Store, Talk
from klsweep.store.talk import AT_ONCE, GRACEFULLY

HEAR_SECONDS = 0.5
"""How often the run reads what is said."""

LEAVE_SECONDS = 10.0
"""What a worker may take to hear that it should stop, and to say that it did, beside its fleet's grace."""


@dataclass
class Attempt:
    """A fleet on its way."""

    task: Task
    retries: int
    ear: Ear


@dataclass
class Rounds:
    """Fleets handed out, each once, and what becomes of them."""

    driver: Driver
    gpu: bool  # whether a fleet needs one
    most: float  # fleets at once
    crew: Crew
    place: Place
    names: Iterator[str]
    waiting: list[tuple[Task, int]] = field(default_factory=list)  # with how often each may be tried again
    under_way: dict[str, Attempt] = field(default_factory=dict)
    left: list[Task] = field(default_factory=list)  # others have them
    done: set[str] = field(default_factory=set)  # jobs whose result was said
    told: int = 0  # how workers were told to stop
    deadline: float = math.inf
    heard: float = 0.0

    @property
    def talk(self) -> Talk:
        """Where workers say how it goes."""
        return Store(self.place.store).work.talk(self.place.token)

    def go(self, tasks: Sequence[Task]) -> list[Task]:
        """Until each has ended, or the run is to stop; gives those that others have. `StoreError` as any supervisor."""
        self.waiting = [(task, task.limits.retries) for task in tasks]
        try:
            while self._any_left():
                self._submit()
                if (word := self.driver.receive(POLL_SECONDS)) is not None:
                    self._take(word)
                if time.monotonic() - self.heard >= HEAR_SECONDS:
                    self._hear()
                self._tell()
        except BaseException:
            self.crew.stop.now()
            self._tell()
            self._await_the_end()
            raise
        finally:
            for attempt in self.under_way.values():
                self._close(attempt)
        return self.left

    def _any_left(self) -> bool:
        if not self.crew.stop.asked.is_set():
            return bool(self.waiting or self.under_way)
        # What no worker has begun needs no end; it ends with the driver, or as soon as it begins.
        begun = set(self.talk.speaking()) & self.under_way.keys()
        return bool(begun) and time.monotonic() < self.deadline

    def _await_the_end(self) -> None:
        """Of what workers have begun, as long as they were given: nothing trains on after this."""
        while self._any_left():
            match self.driver.receive(POLL_SECONDS):
                case Gone():
                    return
                case Ended(order) | Lost(order) | Broke(order):
                    self._over(order)

    def _submit(self) -> None:
        while self.waiting and len(self.under_way) < self.most and not self.crew.stop.asked.is_set():
            task, retries = self.waiting.pop(0)
            name = next(self.names)
            facts = {job.id: self.crew.facts[job.id] for job in task.fleet.jobs}
            there = replace(task, store=self.place.store, data_dir=data_dir(task))
            order = Order(name, self.place, there, self.crew.work, facts)
            self.under_way[name] = Attempt(task, retries, Ear(self.talk, name))
            self.driver.send(Submit(name, host.packed(order), gpu=self.gpu))

    def _take(self, word: Word) -> None:
        """Settle what the driver says."""
        match word:
            case Gone(reason):
                self._lose(reason)
            case Ended(order, outcome) if attempt := self._over(order):
                if outcome.kind == host.LEFT:
                    self.left.append(attempt.task)
                elif outcome.kind == host.UNWRITABLE:
                    raise StoreError(outcome.text)
                elif outcome.kind == host.REFUSED:
                    raise ClusterError(f"a worker cannot take part: {outcome.text}")
                elif outcome.kind == host.STOPPED and not self.crew.stop.asked.is_set():
                    self.waiting.append((attempt.task, attempt.retries))
            case Lost(order, reason) if attempt := self._over(order):
                trouble = Trouble(reason, accident=True)
                self.waiting += attempts(attempt.task, trouble, self.crew, retries=attempt.retries)
            case Broke(order, reason) if self._over(order):
                raise ClusterError(f"a worker cannot take part: {reason}")

    def _lose(self, reason: str) -> None:
        """Without an engine nothing more can be done; what workers do ends, and the same command goes on."""
        left = len(self.waiting) + len(self.under_way)
        fleets = "1 fleet is" if left == 1 else f"{left} fleets are"
        self.crew.listen(Said(f"{self.driver.settings.name} is lost: {reason}; {fleets} not done"))
        self.crew.stop.now()
        self.deadline = time.monotonic()

    def _over(self, order: str) -> Attempt | None:
        attempt = self.under_way.pop(order, None)
        if attempt is not None:
            self._close(attempt)
        return attempt

    def _close(self, attempt: Attempt) -> None:
        for event in attempt.ear.end():
            self._pass_on(event, attempt)
        self.talk.forget(attempt.ear.order)

    def _hear(self) -> None:
        for order in self.talk.speaking():
            if order in self.under_way:
                for event in self.under_way[order].ear.hear():
                    self._pass_on(event, self.under_way[order])
        self.heard = time.monotonic()

    def _pass_on(self, event: Event, attempt: Attempt) -> None:
        """Each result once: what a lost worker said already is said again by the next."""
        if isinstance(event, JobDone):
            if event.job_id in self.done:
                return
            self.done.add(event.job_id)
        if not isinstance(event, DoneElsewhere) or self.done.isdisjoint(attempt.task.fleet.job_ids):
            self.crew.listen(event)

    def _tell(self) -> None:
        """Tell workers to stop, as the run was told; each time they have so much time."""
        stop = self.crew.stop
        how = AT_ONCE if stop.at_once.is_set() else GRACEFULLY if stop.asked.is_set() else 0
        if how > self.told:
            self.talk.stop(how)
            self.told = how
            grace = LEAVE_SECONDS + (GRACE_SECONDS if how == GRACEFULLY else 0.0)
            self.deadline = min(self.deadline, time.monotonic() + grace)


def data_dir(task: Task) -> Path | None:
    """Where the run looks for data first: workers may have another KLSWEEP_DATA, and other folders to start in."""
    return next(iter(user_folders(task.data_dir)), None)
