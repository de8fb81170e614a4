"""Work on many things at once, in processes that begin with all that this one knows."""

import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import TypeVar

Made = TypeVar("Made")

MOST = 4  # processes; the rest of a report is no shorter for more


def made(work: Callable[[str], Made], names: Sequence[str]) -> list[Made]:
    """`work` of every name, in order, by as many processes as there are cores, this one among them."""
    processes = min(MOST, len(names), _cores()) if _may_fork() else 1
    shares = [names[first::processes] for first in range(processes)]
    others = [_forked(work, share) for share in shares[1:]]
    found = {name: work(name) for name in shares[0]}
    for share, (process, pipe) in zip(shares[1:], others, strict=True):
        found |= _received(pipe) or {name: work(name) for name in share}
        process.join()
    return [found[name] for name in names]


def _may_fork() -> bool:
    """Whether a copy of this process is whole: it would lack all threads but one, and keep the locks they hold."""
    return sys.platform == "linux" and threading.active_count() == 1


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _forked(work: Callable[[str], Made], share: Sequence[str]) -> tuple[ForkProcess, Connection]:
    """A process that works on a share; where to receive it."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def send() -> None:
        there.send({name: work(name) for name in share})

    process = context.Process(target=send, daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the threads of numpy, which stands a fork
        process.start()
    there.close()  # the child's end is the only one, so its death is seen here
    return process, here


def _received(pipe: Connection) -> dict[str, Made] | None:
    """What a process made; None where it died, so that whatever stopped it happens here again, and is seen."""
    try:
        found: dict[str, Made] = pipe.recv()
    except EOFError:
        return None
    finally:
        pipe.close()
    return found
