"""A fleet in a process of its own, which never outlives its supervisor and cannot take it down.

Children are forked from a server that has torch loaded already, which makes them milliseconds apart instead of the
seconds that loading takes. The server never touches a GPU, so its children may.
"""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from klsweep.errors import Interrupted
from klsweep.run.task import Task, Work

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_starting = threading.Lock()


@dataclass(frozen=True)
class Finished:
    """A child's last word: every member has its result."""


@dataclass(frozen=True)
class Raised:
    """A child's last word: its work raised this."""

    reason: str
    trace: str


@dataclass(frozen=True)
class Stopped:
    """A child's last word: it stopped because it was asked to."""


def start(work: Work, task: Task) -> tuple[BaseProcess, Connection]:
    """Start `work(task)` in a child; messages come through the connection, and sending anything asks it to stop."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["klsweep.run.child", "klsweep.train"])
    here, there = context.Pipe()
    process = context.Process(target=_main, args=(work, task, there), daemon=False)
    with _starting, _anonymous_main():
        process.start()
    there.close()
    return process, here


def kill(process: BaseProcess) -> None:
    """End the child and everything it has started, at once."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _main(work: Work, task: Task, line: Connection) -> None:
    os.setsid()  # a group of its own: the terminal's Ctrl-C is the supervisor's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    stopping = threading.Event()
    threading.Thread(target=_listen, args=(line, stopping), daemon=True).start()
    with _output_to_log(task):
        last_word = _attempt(work, task, line, stopping)
        if isinstance(last_word, Raised):
            print(last_word.trace, file=sys.stderr)  # into the fleet's log
    line.send(last_word)


def _attempt(
    work: Work, task: Task, line: Connection, stopping: threading.Event
) -> Finished | Raised | Stopped:
    """The one place where any exception is caught: a failed job is a value."""
    try:
        work(task, line.send, stopping.is_set)
    except Interrupted:
        return Stopped()
    except Exception as error:
        return Raised(f"{type(error).__name__}: {error}", traceback.format_exc())
    return Finished()


def _listen(line: Connection, stopping: threading.Event) -> None:
    """A message asks to stop; the end of the line means that the supervisor is gone, so go too."""
    try:
        while True:
            line.recv()
            stopping.set()
    except (EOFError, OSError):
        os._exit(1)


def _die_with_parent() -> None:
    """Have the kernel end this process with its parent (Linux; elsewhere `_listen` sees to it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def _output_to_log(task: Task) -> Iterator[None]:
    """Send standard output and error, those of C libraries too, to the fleet's log."""
    task.directory.mkdir(parents=True, exist_ok=True)
    with (task.directory / "log.txt").open("a") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())
        yield
        sys.stdout.flush()
        sys.stderr.flush()


@contextlib.contextmanager
def _anonymous_main() -> Iterator[None]:
    """Hide the caller's script, which a starting child would otherwise run again from its first line."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
