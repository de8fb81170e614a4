"""The driver's process as the run has it: started, spoken to, and ended."""

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, TypeVar

from klsweep.errors import ClusterError
from klsweep.running.cluster.engine import Gone, Look, Settings, Submit, Word

OPEN_SECONDS = 150.0
"""How long an engine may take to be there, with a worker, or every worker to look: longer than the driver waits."""

CLOSE_SECONDS = 15.0
POLL_SECONDS = 0.2

Answer = TypeVar("Answer")


@dataclass
class Driver:
    """The process that speaks to the engine."""

    process: "subprocess.Popen[bytes]"
    line: Connection
    printed: IO[bytes]
    settings: Settings

    def send(self, message: Look | Submit) -> None:
        """Ask for something; should the driver be gone, `receive` says so."""
        with contextlib.suppress(OSError):
            self.line.send(message)

    def receive(self, seconds: float) -> Word | None:
        """What it says next, or None."""
        try:
            word: Word | None = self.line.recv() if self.line.poll(seconds) else None
        except (EOFError, OSError):
            return Gone(f"its client ended{self._last_words()}")
        return word

    def expect(self, kind: type[Answer], doing: str, stop: threading.Event | None = None) -> Answer | None:
        """Its answer of this kind, or None once `stop` is set; `ClusterError` where it gives another or none."""
        deadline, word = time.monotonic() + OPEN_SECONDS, None
        while word is None and time.monotonic() < deadline:
            if stop is not None and stop.is_set():
                return None
            word = self.receive(POLL_SECONDS)
        if isinstance(word, kind):
            return word
        reason = word.reason if isinstance(word, Gone) else f"no answer within {OPEN_SECONDS:.0f} s"
        raise ClusterError(
            f"--backend {self.settings.engine}: {doing}: {reason}: "
            "needs a scheduler that runs, with workers: see that it does, and that --address is its address"
        )

    def _last_words(self) -> str:
        self.printed.seek(0)
        lines = self.printed.read().decode(errors="replace").splitlines()
        return next((f": {line.strip()}" for line in reversed(lines) if line.strip()), "")


@contextlib.contextmanager
def driving(settings: Settings) -> Iterator[Driver]:
    """Start it in a session of its own, deaf to the terminal; in the end it ends, with all it has started."""
    here, there = Pipe()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "klsweep.running.cluster.driver", str(there.fileno())],
            pass_fds=(there.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
        there.close()
        try:
            here.send(settings)
            yield Driver(process, here, printed, settings)
        finally:
            here.close()
            try:
                process.wait(timeout=CLOSE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
