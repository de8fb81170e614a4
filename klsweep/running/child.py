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
import time
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from klsweep.errors import Interrupted, StoreError
from klsweep.running.task import Task, Work
from klsweep.store import atomic

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STOPS = (signal.SIGINT, signal.SIGTERM)
_starting = threading.Lock()

TUNED = {
    "GOMP_SPINCOUNT": "1000",
    "MALLOC_MMAP_THRESHOLD_": str(2**28),
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
}
"""What C libraries are told in children, unless the user has told them something.

How long a thread of libgomp, under torch's, spins for the others before it sleeps: by its default, two threads on two
cores that another process uses too were measured to take 22 s for what takes 4 s so, and 7 s in one thread. And that
glibc keeps up to 256 MiB of freed memory: by its default each step's tensors are fetched from the system anew, page by
page."""

PRELOADED = ("klsweep.running.server",)
"""What the server of children loads."""


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


@dataclass(frozen=True)
class Unwritable:
    """A child's last word: the results directory takes nothing more, for which no job is to blame."""

    reason: str


LastWord = Finished | Raised | Stopped | Unwritable

CHUNK_BYTES = 65_536  # what a pipe holds


@dataclass(frozen=True)
class Child:
    """A process at work. Its words come through `line`, and sending anything there asks it to stop."""

    process: BaseProcess
    line: Connection
    output: Connection  # all it prints, as bytes

    def printed(self) -> bytes | None:
        """What it has printed since, or a part of it; empty if nothing, None if nothing more can come."""
        try:
            return os.read(self.output.fileno(), CHUNK_BYTES) or None
        except BlockingIOError:
            return b""

    def end(self) -> None:
        """Kill it, with everything it has started."""
        if self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()


def start(work: Work, task: Task) -> Child:
    """Start `work(task)` in a child."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    here, there = context.Pipe()
    output, prints = context.Pipe(duplex=False)
    os.set_blocking(output.fileno(), False)
    process = context.Process(target=_main, args=(work, task, there, prints), daemon=False)
    try:
        with _starting, _anonymous_main(), _childless_no_more():
            _fork(process)
    except BaseException:
        here.close()
        output.close()
        raise
    finally:
        there.close()
        prints.close()
    return Child(process, here, output)


def _fork(process: BaseProcess) -> None:
    """Start it; should the server have died just now, of a full memory perhaps, another takes its place."""
    for seconds in (0.1, 0.5, 2.0):
        try:
            _ensure_server()
            return process.start()
        except (EOFError, OSError):
            time.sleep(seconds)  # until the system has noticed
    _ensure_server()
    return process.start()


def _ensure_server() -> None:
    """Start the fork server, deaf to the terminal's Ctrl-C, which would end it and with it every child."""
    resource_tracker.ensure_running()  # started here, for it leaves these signals unblocked
    before, told = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS), TUNED.keys() & os.environ.keys()
    os.environ.update({name: value for name, value in TUNED.items() if name not in told})
    try:
        forkserver.ensure_running()
    finally:
        for name in TUNED.keys() - told:
            del os.environ[name]
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _main(work: Work, task: Task, line: Connection, prints: Connection) -> None:
    os.setsid()  # a group of its own: the terminal's Ctrl-C is the supervisor's to handle
    _die_with_parent()
    stopping = threading.Event()
    # A scheduler that ends a job signals every process of it: that too is to leave a checkpoint behind.
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    threading.Thread(target=_listen, args=(line, stopping), daemon=True).start()
    _print_to(prints)
    line.send(_attempt(work, task, line, stopping))


def _attempt(work: Work, task: Task, line: Connection, stopping: threading.Event) -> LastWord:
    """The one place where any exception is caught: a failed job is a value."""
    try:
        with _exceptions_printed():
            work(task, line.send, stopping.is_set)
    except Interrupted:
        return Stopped()
    except StoreError as error:
        return Unwritable(str(error))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in atomic.FULL:
            return Unwritable(atomic.unwritable(task.store, error))
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


def _print_to(prints: Connection) -> None:
    """Have standard output and error, those of C libraries too, go to the supervisor, who keeps the log."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(prints.fileno(), stream.fileno())
    prints.close()


@contextlib.contextmanager
def _exceptions_printed() -> Iterator[None]:
    """Print an exception that passes, and all that was not yet printed."""
    try:
        yield
    except Interrupted:
        raise
    except Exception:
        with contextlib.suppress(OSError):
            traceback.print_exc()
        raise
    finally:
        with contextlib.suppress(OSError):  # what was printed is worth less than how the work ended
            sys.stdout.flush()
            sys.stderr.flush()


@contextlib.contextmanager
def _childless_no_more() -> Iterator[None]:
    """Let a daemonic process, as Dask's workers are, have a child.

    multiprocessing forbids it for fear of orphans; these children end with their parent, however that ends.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    daemonic = config.pop("daemon", None)
    try:
        yield
    finally:
        if daemonic is not None:
            config["daemon"] = daemonic


@contextlib.contextmanager
def _anonymous_main() -> Iterator[None]:
    """Hide the caller's script, which a starting child would otherwise run again from its first line."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
