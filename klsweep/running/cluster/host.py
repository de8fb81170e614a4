"""What a worker of the engine does: the supervisor of any run, for one fleet, with a lease of its own.

The fleet trains in a child of this process, as on the machine of the run: timeouts, logs, retries, halving and results
are the same, and what kills the child does not touch the engine. Whoever trains holds the lease, so an order that the
engine gives out twice is trained once: the second finds the lease, or the results.
"""

import contextlib
import os
import pickle
import platform
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from klsweep.data import Dataset, Facts
from klsweep.errors import KlsweepError, StoreError
from klsweep.running.cluster.engine import Outcome
from klsweep.running.cluster.words import Mouth
from klsweep.running.provenance import code_fingerprint
from klsweep.running.rooms import Rooms
from klsweep.running.stop import Stop
from klsweep.running.supervise import Crew, attend, settle
from klsweep.running.task import Task, Work
from klsweep.store import Member, Store, Talk
from klsweep.store.talk import AT_ONCE, GRACEFULLY

DONE, LEFT, STOPPED, REFUSED, UNWRITABLE = "done", "left", "stopped", "refused", "unwritable"
"""How hosting an order ended: all have results; another has the fleet; asked to; not fit to; no results are taken."""

HEED_SECONDS = 1.0
"""How often a worker looks whether the run still wants what it does."""

Answer = tuple[tuple[str, ...], str]
"""The problems of a worker, and the name of the sign it left in the run's folder."""


@dataclass(frozen=True)
class Place:
    """The run that a worker takes part in."""

    store: Path  # directory of the sweep
    token: str  # of the run
    runs: str  # what runners of the sweep have in common
    code: str  # fingerprint of the run's code


@dataclass(frozen=True)
class Question:
    """Whether a worker can take part: what it has to find as the run does."""

    place: Place
    data_dir: Path | None
    facts: Mapping[Dataset, Facts]
    models: tuple[object, ...]  # for their modules: what cannot be imported cannot be unpickled


@dataclass(frozen=True)
class Order:
    """One fleet to be trained."""

    name: str
    place: Place
    task: Task
    work: Work
    facts: Mapping[str, Facts]  # by job id


def packed(content: Question | Order) -> bytes:
    """For the way to a worker, with the folders where this process finds modules. Opened by none but workers."""
    return pickle.dumps((tuple(sys.path), pickle.dumps(content)))


def _unpacked(content: bytes) -> Question | Order:
    folders, inside = pickle.loads(content)
    sys.path += [each for each in folders if each not in sys.path]  # last: what is installed here comes first
    found = pickle.loads(inside)
    assert isinstance(found, Question | Order)
    return found


def look(content: bytes) -> Answer:
    """What keeps this worker from taking part, all of it."""
    try:
        question = _unpacked(content)
    except Exception as error:
        return (f"cannot import what the spec names ({type(error).__name__}: {error})",), ""
    assert isinstance(question, Question)
    problems = _strange(question.place)
    sign = ""
    if not problems:
        try:
            sign = _talk(question.place).sign()
        except OSError as error:
            problems.append(f"{question.place.store} cannot be written there ({error.strerror})")
    return (*problems, *_other_data(question)), sign


def answer(given: object) -> Answer:
    """What a worker gave; an exception is a problem too."""
    if isinstance(given, tuple) and len(given) == 2:
        return given
    return (f"it cannot run klsweep ({type(given).__name__}: {given})",), ""


def _strange(place: Place) -> list[str]:
    """What is not as the run has it: its directory, its code."""
    found = []
    if not _talk(place).path.is_dir():
        found.append(f"{place.store} is not there the directory of this run")
    if place.code != (here := code_fingerprint()):
        found.append(f"it has code {here} of klsweep, and the run {place.code}")
    return found


def _other_data(question: Question) -> Iterator[str]:
    for dataset, facts in question.facts.items():
        try:
            if dataset.facts(question.data_dir) != facts:
                yield f"its data set {dataset.name} is another"
        except (KlsweepError, OSError) as error:
            yield f"data set {dataset.name}: {error}"


def _talk(place: Place) -> Talk:
    return Store(place.store).work.talk(place.token)


def host(content: bytes, device: str) -> Outcome:
    """Train the fleet of an order on this device, unless the store has it all or another has it."""
    order = _unpacked(content)
    assert isinstance(order, Order)
    place = order.place
    if problems := _strange(place):
        return Outcome(REFUSED, f"{platform.node()}: {'; '.join(problems)}")
    store, stop = Store(place.store), Stop()
    mouth = Mouth(_talk(place), order.name)
    # Engines choose a GPU by this variable, and another for the next order: the child must not have the server's.
    task = replace(order.task, device=device, visible=os.environ.get("CUDA_VISIBLE_DEVICES"))
    try:
        with store.work.member(place.runs) as me, Rooms() as rooms:
            with me.admitted():  # to be seen from now on; and what the dead held is free
                pass
            slots: SimpleQueue[str] = SimpleQueue()
            slots.put(device)
            crew = Crew(order.work, settle, me, mouth, stop, slots, order.facts, rooms)
            with _heeding(stop, place, me):
                left = attend(task, crew)
    except StoreError as error:
        return Outcome(UNWRITABLE, str(error))
    if stop.asked.is_set():
        return Outcome(STOPPED)
    return Outcome(LEFT if left else DONE)


@contextlib.contextmanager
def _heeding(stop: Stop, place: Place, me: Member) -> Iterator[None]:
    """Stop when the run wants it, or is no more."""
    over, talk = threading.Event(), _talk(place)

    def heed() -> None:
        while True:
            how = talk.stopping() if me.lives(place.token) else AT_ONCE
            if how >= GRACEFULLY:
                stop.asked.set()
            if how == AT_ONCE:
                stop.at_once.set()
            if over.wait(HEED_SECONDS):
                return

    listening = threading.Thread(target=heed, daemon=True)
    listening.start()
    try:
        yield
    finally:
        over.set()
        listening.join()
