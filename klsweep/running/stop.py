"""Being asked to stop: once to finish the epoch and keep a checkpoint, twice to end at once."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import FrameType

GRACE_SECONDS = 20.0
"""How long a fleet may take to reach the end of its epoch after it was asked to stop."""

ONCE = (
    f"Stopping: fleets finish their epoch and keep a checkpoint (at most {GRACE_SECONDS:.0f} s). "
    "Once more to stop at once."
)
TWICE = "Stopping now. What is committed stays; fleets go on from their last checkpoint."


@dataclass
class Stop:
    """Whether the run was asked to stop, and by which signal."""

    asked: threading.Event = field(default_factory=threading.Event)
    at_once: threading.Event = field(default_factory=threading.Event)
    signal: int | None = None

    def now(self) -> None:
        """Ask for both."""
        self.asked.set()
        self.at_once.set()


@contextlib.contextmanager
def on_signals(stop: Stop, tell: Callable[[str], None], *, twice_raises: bool = False) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into `stop` while inside; only the main thread can, others leave signals alone.

    With `twice_raises`, for work in this very thread, the second is a KeyboardInterrupt wherever that is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    words: SimpleQueue[str | None] = SimpleQueue()

    def asked(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        if not stop.asked.is_set():
            stop.signal = number
            stop.asked.set()
            words.put(ONCE)
        elif not stop.at_once.is_set():
            stop.at_once.set()
            words.put(TWICE)
            if twice_raises:
                raise KeyboardInterrupt

    # A handler interrupts this thread anywhere, in the midst of a print too: another thread says the words.
    speaker = threading.Thread(target=_speak, args=(words, tell), daemon=True)
    speaker.start()
    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        words.put(None)
        speaker.join()


def _speak(words: "SimpleQueue[str | None]", tell: Callable[[str], None]) -> None:
    for text in iter(words.get, None):
        tell(text)
