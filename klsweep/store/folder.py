"""The folder of one fleet: its log and its checkpoint."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from klsweep.store import atomic

LOG_TAIL_BYTES = 4096

LOG_BYTES = 10_000_000
"""A log never grows larger. One that is full loses its older half."""

CUT = b"[a log that was full: what came before is cut]\n"


@dataclass(frozen=True)
class FleetFolder:
    """What a fleet keeps until its jobs all have results."""

    path: Path

    @property
    def log(self) -> Path:
        """What the fleet's process printed."""
        return self.path / "log.txt"

    def log_tail(self) -> str:
        """The end of what the fleet's process printed."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                return log.read().decode(errors="replace").strip()
        except OSError:
            return ""

    @contextlib.contextmanager
    def logging(self) -> Iterator[Callable[[bytes], None]]:
        """Make the folder and open the log; what is appended to it is worth less than the training it is of."""
        with atomic.writing_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            log = self.log.open("a+b", buffering=0)

        def append(content: bytes) -> None:
            with contextlib.suppress(OSError):
                if log.seek(0, os.SEEK_END) + len(content) > LOG_BYTES:
                    log.seek(-min(log.tell(), LOG_BYTES // 2), os.SEEK_END)
                    kept = log.read()
                    log.truncate(0)
                    log.write(CUT + kept)
                log.write(content)

        with log:
            yield append

    def clear(self) -> None:
        """Remove it all."""
        shutil.rmtree(self.path, ignore_errors=True)
