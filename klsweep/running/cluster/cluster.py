"""The run's side: orders go to the driver, what is said of them comes from files, and losses are settled here."""

import contextlib
import importlib.util
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from klsweep.errors import ClusterError, DeviceError, StoreError
from klsweep.running import preflight
from klsweep.running.clock import Trouble
from klsweep.running.cluster import host
from klsweep.running.cluster.engine import (
    EXTRAS,
    Broke,
    Ended,
    Gone,
    Look,
    Looked,
    Lost,
    Ready,
    Settings,
    Size,
    Submit,
    Word,
)
from klsweep.running.cluster.host import Order, Place, Question
from klsweep.running.cluster.process import Driver, driving
from klsweep.running.cluster.words import Ear
from klsweep.running.devices import Hands
from klsweep.running.dispatch import Once
from klsweep.running.events import Listener, Said
from klsweep.running.provenance import code_fingerprint
from klsweep.running.stop import GRACE_SECONDS
from klsweep.running.supervise import Crew, attempts
from klsweep.running.task import Task, train_fleet
from klsweep.spec import Sweep
from klsweep.store import Store, Talk
from klsweep.store.talk import AT_ONCE, GRACEFULLY

POLL_SECONDS = 0.2

HEAR_SECONDS = 0.5
"""How often the run reads what is said."""

PROBLEMS = 10
"""Of workers that are told at once."""

LEAVE_SECONDS = 10.0
"""What a worker may take to hear that it should stop, and to say that it did, beside its fleet's grace."""


@contextlib.contextmanager
def cluster(
    engine: str, address: str | None, here: Hands | None, device: str, workers: int | None, listen: Listener
) -> Iterator["Cluster"]:
    """A cluster at work: the one at `address`, or one of `here`, the devices of this machine."""
    if importlib.util.find_spec(EXTRAS[engine]) is None:
        raise ClusterError(
            f"--backend {engine}: {engine.capitalize()} is not installed: pip install 'klsweep[{engine}]'"
        )
    if here is None and device not in ("auto", "cpu", "cuda"):
        raise DeviceError(
            f"--device {device}: names GPUs of this machine, and a cluster gives each fleet one of its own choice: "
            "allowed with --address: auto, cpu, cuda"
        )
    settings = Settings(engine, address, here.devices if here else ())
    with driving(settings) as driver:
        listen(Said(f"waiting for {settings.name}"))
        size = driver.expect(Ready, settings.name).size
        if here is not None:
            yield Cluster(driver, replace(here, cluster=settings.name), None, None)
            return
        yield Cluster(driver, _offered(size, settings, device, workers), size.slots, workers)


def _offered(size: Size, settings: Settings, device: str, workers: int | None) -> Hands:
    """The devices of a cluster that was there: a thread for each fleet, or a GPU."""
    if device == "cuda" and not size.gpus:
        raise DeviceError(
            f"--device cuda: {settings.name} offers no GPU: workers of Dask offer one by --resources GPU=1, nodes of "
            "Ray by --num-gpus=1: start such, or use --device cpu"
        )
    if workers is not None and workers < 1:
        raise DeviceError(f"--workers {workers}: allowed: 1 or more, the fleets that may train at once")
    kind, most = ("cuda", size.gpus) if size.gpus and device != "cpu" else ("cpu", size.slots)
    return Hands((kind,) * min(most, workers or most), threads=1, cluster=settings.name)


@dataclass(frozen=True)
class Cluster:
    """An engine with a worker or more; see `dispatch.Backend`."""

    driver: Driver
    hands: Hands
    slots: int | None
    most: int | None  # fleets at once, where the user limits them
    in_this_thread: bool = False

    @contextlib.contextmanager
    def at_work(self, tasks: Sequence[Task], sweep: Sweep, crew: Crew) -> Iterator[Once]:
        """See that the disk has room, and that every worker has the run's directory, code and data."""
        if not tasks:
            yield lambda tasks, _crew: list(tasks)
            return
        if crew.work is train_fleet:
            preflight.check(tasks, sweep, self.hands, crew)
        place = Place(
            tasks[0].store.absolute(), crew.member.me.token, crew.member.me.runs, code_fingerprint()
        )
        talk = Store(place.store).talk(place.token)
        with talk.opened():
            self._look(tasks, sweep, place, talk)
            names = (f"{place.token}-{number}" for number in itertools.count(1))
            yield lambda tasks, crew: Rounds(self, crew, place, talk, names).go(tasks)

    def _look(self, tasks: Sequence[Task], sweep: Sweep, place: Place, talk: Talk) -> None:
        """`ClusterError` with every worker that cannot take part, and why."""
        jobs = [job for task in tasks for job in task.fleet.jobs]
        facts = {job.dataset: sweep.facts_of(job) for job in jobs}
        models = tuple({repr(job.model): job.model for job in jobs}.values())
        question = Question(place, tasks[0].data_dir, facts, models)
        self.driver.send(Look(host.packed(question)))
        found = self.driver.expect(Looked, "looking at the workers").found
        problems = [f"{name}: {problem}" for name, (said, _) in sorted(found.items()) for problem in said]
        problems += [
            f"{name}: what it writes into {place.store} is not seen here"
            for name, (_, sign) in sorted(found.items())
            if sign and not talk.shows(sign)
        ]
        if problems:
            lines = "".join(f"\n  {each}" for each in problems[:PROBLEMS])
            more = f"\n  and {len(problems) - PROBLEMS} more" if len(problems) > PROBLEMS else ""
            raise ClusterError(
                f"--backend {self.driver.settings.engine}: not every worker can take part:{lines}{more}\n"
                "Every worker needs the results directory and the data at the same path, as on a shared file system, "
                "and the same klsweep: see docs/reliability.md"
            )


@dataclass
class Attempt:
    """A fleet on its way."""

    task: Task
    retries: int
    ear: Ear


@dataclass
class Rounds:
    """Fleets handed out, each once, and what becomes of them."""

    cluster: Cluster
    crew: Crew
    place: Place
    talk: Talk
    names: Iterator[str]
    waiting: list[tuple[Task, int]] = field(default_factory=list)  # with how often each may be tried again
    under_way: dict[str, Attempt] = field(default_factory=dict)
    left: list[Task] = field(default_factory=list)  # others have them
    told: int = 0  # how workers were told to stop
    deadline: float = math.inf
    heard: float = 0.0

    def go(self, tasks: Sequence[Task]) -> list[Task]:
        """Until each has ended, or the run is to stop; gives those that others have. `StoreError` as any supervisor."""
        self.waiting = [(task, task.limits.retries) for task in tasks]
        try:
            while self._any_left():
                self._submit()
                if (word := self.cluster.driver.receive(POLL_SECONDS)) is not None:
                    self._take(word)
                if time.monotonic() - self.heard >= HEAR_SECONDS:
                    self._hear()
                self._tell()
        except BaseException:
            self.crew.stop.now()
            self._tell()
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

    def _submit(self) -> None:
        most = self.cluster.most or math.inf
        while self.waiting and len(self.under_way) < most and not self.crew.stop.asked.is_set():
            task, retries = self.waiting.pop(0)
            name = next(self.names)
            facts = {job.id: self.crew.facts[job.id] for job in task.fleet.jobs}
            there = replace(task, store=self.place.store)
            order = Order(name, self.place, there, self.crew.work, facts)
            self.under_way[name] = Attempt(task, retries, Ear(self.talk, name))
            self.cluster.driver.send(
                Submit(name, host.packed(order), gpu=self.cluster.hands.devices[0] != "cpu")
            )

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
        self.crew.listen(Said(f"{self.cluster.hands.cluster} is lost: {reason}; {fleets} not done"))
        self.crew.stop.now()
        self.deadline = time.monotonic()

    def _over(self, order: str) -> Attempt | None:
        attempt = self.under_way.pop(order, None)
        if attempt is not None:
            self._close(attempt)
        return attempt

    def _close(self, attempt: Attempt) -> None:
        for event in attempt.ear.end():
            self.crew.listen(event)
        self.talk.forget(attempt.ear.order)

    def _hear(self) -> None:
        for order in self.talk.speaking():
            if order in self.under_way:
                for event in self.under_way[order].ear.hear():
                    self.crew.listen(event)
        self.heard = time.monotonic()

    def _tell(self) -> None:
        """Tell workers to stop, as the run was told; each time they have so much time."""
        stop = self.crew.stop
        how = AT_ONCE if stop.at_once.is_set() else GRACEFULLY if stop.asked.is_set() else 0
        if how > self.told:
            self.talk.stop(how)
            self.told = how
            grace = LEAVE_SECONDS + (GRACE_SECONDS if how == GRACEFULLY else 0.0)
            self.deadline = min(self.deadline, time.monotonic() + grace)
