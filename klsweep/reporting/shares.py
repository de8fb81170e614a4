"""Things that do not need one another, made at once by processes that begin with all that this one knows."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import TypeVar

Made = TypeVar("Made")

MOST = 4  # processes; the rest of a report is no shorter for more


def made(makers: Mapping[str, Callable[[], Made]]) -> dict[str, Made]:
    """What each makes, by its name, at once on as many cores as there are; those that take longest come first."""
    others = min(MOST, len(makers), _cores()) - 1 if _may_fork() else 0
    turns = _turns(len(makers))
    names = list(makers)

    def some() -> dict[str, Made]:
        """What is nobody else's turn: whoever is free makes the next."""
        found = {}
        while place := os.read(turns, 1):
            name = names[place[0]]
            found[name] = makers[name]()
        return found

    children = [_forked(some) for _ in range(others)]
    found = some()
    os.close(turns)
    for process, pipe in children:
        found |= _received(pipe)
        process.join()
    # whatever stopped a process that died happens here again, and is seen
    return {name: found[name] if name in found else make() for name, make in makers.items()}


def _turns(count: int) -> int:
    """A pipe of the places 0 to `count` - 1, each of which one reader gets."""
    here, there = os.pipe()
    os.write(there, bytes(range(count)))
    os.close(there)
    return here


def _may_fork() -> bool:
    """Whether a copy of this process is whole: it would lack all threads but one, and keep the locks they hold."""
    return sys.platform == "linux" and threading.active_count() == 1


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _forked(work: Callable[[], Made]) -> tuple[ForkProcess, Connection]:
    """A process that works, and where to receive what it made."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def send() -> None:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ctrl-C is answered once, by the process that was called
        there.send(work())

    process = context.Process(target=send, daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the threads of numpy, which stands a fork
        process.start()
    there.close()  # the child's end is the only one, so its death is seen here
    return process, here


def _received(pipe: Connection) -> dict[str, Made]:
    """What a process made; nothing where it died."""
    with pipe:
        try:
            found: dict[str, Made] = pipe.recv()
        except EOFError:
            return {}
    return found
