"""The process that speaks to the engine, for the run, over a pipe.

Engines end processes that use them (Ray's driver is aborted where its cluster is gone), print, and start others that
the terminal's Ctrl-C would end. So they have a process and a session of their own; the run lives on, and tells.
"""

import contextlib
import ctypes
import importlib
import os
import signal
import sys
import time
from multiprocessing.connection import Connection

from klsweep.running.cluster.engine import (
    Engine,
    EngineGoneError,
    Gone,
    Look,
    Ready,
    Settings,
    Submit,
    Word,
)

POLL_SECONDS = 0.1

SIZE_SECONDS = 5.0
"""How often the size of the cluster is asked for."""

WORKER_SECONDS = 60.0
"""How long a cluster may be without any worker, at first and in the midst of a run, before the run is given up."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(handle: int) -> None:
    """Speak to an engine over the pipe of this handle until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    line = Connection(handle)
    settings = line.recv()
    engine: Engine | None = None
    try:
        engine = _opened(settings)
        _serve(engine, line)
    except EngineGoneError as error:
        with contextlib.suppress(OSError):
            line.send(Gone(str(error)))
    except (EOFError, OSError):
        pass  # the run is over
    finally:
        if engine is not None:
            engine.close()
    sys.stderr.flush()
    os._exit(0)  # what threads engines leave behind is of no interest


def _opened(settings: Settings) -> Engine:
    module = importlib.import_module(f"klsweep.running.cluster.{settings.engine}")
    engine: Engine = getattr(module, settings.engine.capitalize())(settings)
    return engine


def _serve(engine: Engine, line: Connection) -> None:
    deadline = time.monotonic() + WORKER_SECONDS
    while not (size := engine.size()).slots:
        if time.monotonic() > deadline:
            raise EngineGoneError(f"no worker came within {WORKER_SECONDS:.0f} s")
        if line.poll(POLL_SECONDS):
            line.recv()  # nothing is asked yet: this is the end
    line.send(Ready(size))
    asked = seen = time.monotonic()
    while True:
        while line.poll(POLL_SECONDS):
            _do(line.recv(), engine, line)
        for each in engine.ended():
            line.send(each)
        now = time.monotonic()
        if now - asked >= SIZE_SECONDS:
            asked, seen = now, now if engine.size().slots else seen
            if now - seen >= WORKER_SECONDS:
                raise EngineGoneError(f"it has had no worker for {WORKER_SECONDS:.0f} s")


def _do(asked: Look | Submit, engine: Engine, line: Connection) -> None:
    match asked:
        case Look(question):
            found: Word = engine.look(question)
            line.send(found)
        case Submit(order, content, gpu):
            engine.submit(order, content, gpu=gpu)


def _die_with_parent() -> None:
    """Have the kernel end this process with its parent (Linux; elsewhere the end of the pipe sees to it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
