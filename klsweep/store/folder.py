"""The folder of one fleet: its log, its checkpoint and the mark that it trains now."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from klsweep.store import atomic

RUNNING = "running.json"
LOG_TAIL_BYTES = 4096


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
    def under_way(self, job_ids: Iterable[str]) -> Iterator[None]:
        """Make the folder, and mark these jobs as in training while inside, for `status` to see."""
        with atomic.writing_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            atomic.write(self.path / RUNNING, json.dumps(list(job_ids)).encode())
        try:
            yield
        finally:
            self.forget()

    def jobs_under_way(self) -> frozenset[str]:
        """The jobs that are marked as in training; true only while a run holds the sweep."""
        with contextlib.suppress(OSError, ValueError):
            return frozenset(json.loads((self.path / RUNNING).read_bytes()))
        return frozenset()

    def forget(self) -> None:
        """Take the mark away."""
        (self.path / RUNNING).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove it all."""
        shutil.rmtree(self.path, ignore_errors=True)
