"""Being asked to stop: once to finish the epoch and keep a checkpoint, twice to end at once."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

GRACE_SECONDS = 20.0
"""How long a fleet may take to reach the end of its epoch after it was asked to stop."""


@dataclass
class Stop:
    """Whether the run was asked to stop, and by which signal."""

    asked: threading.Event = field(default_factory=threading.Event)
    at_once: threading.Event = field(default_factory=threading.Event)
    signal: int | None = None


@contextlib.contextmanager
def on_signals(stop: Stop, tell: Callable[[str], None]) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into `stop` while inside; only the main thread can, others leave signals alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def asked(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        if stop.asked.is_set():
            stop.at_once.set()
            tell("Stopping now. What is committed stays; fleets go on from their last checkpoint.")
            return
        stop.signal = number
        stop.asked.set()
        tell(
            f"Stopping: fleets finish their epoch and keep a checkpoint (at most {GRACE_SECONDS:.0f} s). "
            "Once more to stop at once."
        )

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
