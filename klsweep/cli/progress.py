"""What a run shows while it goes on: bars on a terminal, a line now and then elsewhere."""

import contextlib
import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from klsweep.cli.screen import duration
from klsweep.cli.tally import Tally, opening
from klsweep.errors import Loud
from klsweep.result import Status
from klsweep.running.events import (
    Began,
    EpochDone,
    Event,
    FleetEnded,
    FleetStarted,
    JobDone,
    Said,
)

LINE_SECONDS = 10.0
"""How often a run that is not on a terminal says how far it is."""


class Silent:
    """Shows nothing but what a person must know."""

    def __enter__(self) -> Self:
        """Nothing to set up."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to take down."""

    def hear(self, event: Event) -> None:
        """Print failures, stand-ins for missing data, and damage."""
        match event:
            case JobDone(job_id, status, error) if status is not Status.OK:
                _print(f"{job_id} {status.value}: {_last_line(error)}")
            case Said(text) if isinstance(text, Loud):
                _print(text)

    def download(self, name: str, done: int, total: int) -> None:
        """Say nothing of downloads."""


class Lines:
    """Plain lines on standard error, at most one in `LINE_SECONDS` but for what matters."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.last = 0.0

    def __enter__(self) -> Self:
        """Nothing to set up."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to take down."""

    def hear(self, event: Event) -> None:
        """Count the event, and print a line where one is due."""
        self.tally.count(event)
        match event:
            case Began():
                _print(opening(event))
                self.last = time.monotonic()
            case Said(text):
                _print(text)
            case JobDone(job_id, status, error) if status is not Status.OK:
                _print(f"{job_id} {status.value}: {_last_line(error)}")
            case EpochDone() | FleetEnded() if time.monotonic() - self.last >= LINE_SECONDS:
                _print(self.tally.line())
                self.last = time.monotonic()

    def download(self, name: str, done: int, total: int) -> None:
        """Say when a download begins."""
        if not done:
            _print(f"downloading {name} ({total / 1e6:.1f} MB)" if total else f"downloading {name}")


class Bars:
    """A bar for the run and one for each fleet that trains, on a terminal."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.console = Console(stderr=True, highlight=False)
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            transient=True,
        )
        self.run: TaskID | None = None
        self.fleets: dict[str, TaskID] = {}
        self.downloads: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Start drawing."""
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self.bars.stop()

    def hear(self, event: Event) -> None:
        """Move the bars."""
        self.tally.count(event)
        match event:
            case Began():
                self._print(opening(event))
                if event.jobs:
                    self.run = self._bar("sweep", event.model_epochs)
            case FleetStarted(fleet, members):
                name = "1 job" if members == 1 else f"{members} jobs"
                self.fleets[fleet] = self._bar(f"  {name}", None, "starting")
            case EpochDone(fleet, epoch, epochs) if fleet in self.fleets:
                count = f"epoch {epoch}/{epochs}"
                self.bars.update(self.fleets[fleet], total=epochs, completed=epoch, count=count)
            case JobDone(job_id, status, error) if status is not Status.OK:
                self._print(f"{job_id} {status.value}: {_last_line(error)}")
            case FleetEnded(fleet) if fleet in self.fleets:
                self.bars.remove_task(self.fleets.pop(fleet))
            case Said(text):
                self._print(text)
        self._move_run()

    def _move_run(self) -> None:
        if self.run is None or self.tally.began is None:
            return
        bad = f", {self.tally.bad} bad" if self.tally.bad else ""
        left = self.tally.seconds_left()
        self.bars.update(
            self.run,
            total=self.tally.began.model_epochs,
            completed=self.tally.model_epochs,
            count=f"{self.tally.done}/{self.tally.began.jobs} jobs{bad}",
            left="" if left is None else f"about {duration(left)} left",
        )

    def _bar(self, name: str, total: int | None, count: str = "") -> TaskID:
        return self.bars.add_task(name, total=total, count=count, left="")

    def download(self, name: str, done: int, total: int) -> None:
        """Move the bar of a download."""
        if name not in self.downloads:
            self.downloads[name] = self._bar(f"  {name}", total or None)
        self.bars.update(self.downloads[name], completed=done, count=f"{done / 1e6:.1f} MB")
        if total and done >= total:
            self.bars.remove_task(self.downloads.pop(name))

    def _print(self, text: str) -> None:
        self.console.print(Text(text))


def progress() -> Lines | Bars:
    """Bars where somebody watches, lines elsewhere."""
    return Bars() if sys.stderr.isatty() else Lines()


def _print(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more, which is no reason to stop training
        print(text, file=sys.stderr, flush=True)


def _last_line(error: str) -> str:
    return error.strip().splitlines()[-1] if error.strip() else ""
