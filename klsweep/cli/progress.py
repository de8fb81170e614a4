"""What a run shows while it goes on: bars on a terminal, a line now and then elsewhere."""

import contextlib
import sys
import time
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from klsweep.cli.screen import duration
from klsweep.errors import Loud
from klsweep.result import Status
from klsweep.running.events import (
    Began,
    DoneElsewhere,
    EpochDone,
    Event,
    FleetEnded,
    FleetStarted,
    JobDone,
    Said,
)

LINE_SECONDS = 10.0
"""How often a run that is not on a terminal says how far it is."""


@dataclass
class Training:
    """A fleet in training."""

    members: int
    first: int | None = None  # epochs done when it was first heard of: its checkpoint's, and one
    epoch: int = 0
    epochs: int = 0


@dataclass
class Tally:
    """How far a run is, counted from its events."""

    began: Began | None = None
    done: int = 0
    bad: int = 0
    settled: int = 0  # epochs of the models of fleets that have finished
    given: int = 0  # epochs of models that checkpoints held: no time of this run went into them
    fleets: dict[str, Training] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def count(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case Began():
                self.began, self.started = event, time.monotonic()
            case FleetStarted(fleet, members):
                self.fleets[fleet] = Training(members)
            case DoneElsewhere(jobs, epochs) if self.began:
                left = self.began.model_epochs - epochs
                self.began = replace(self.began, jobs=self.began.jobs - jobs, model_epochs=left)
            case EpochDone(fleet, epoch, epochs) if fleet in self.fleets:
                training = self.fleets[fleet]
                if training.first is None:
                    training.first = epoch
                    self.given += (epoch - 1) * training.members
                training.epoch, training.epochs = epoch, epochs
            case JobDone(_, status):
                self.done += 1
                self.bad += status is not Status.OK
            case FleetEnded(fleet, finished) if fleet in self.fleets:
                training = self.fleets.pop(fleet)
                self.settled += training.epochs * training.members if finished else 0

    @property
    def model_epochs(self) -> int:
        """Epochs done, summed over the models; what a fleet did that died is not."""
        return self.settled + sum(each.epoch * each.members for each in self.fleets.values())

    def seconds_left(self) -> float | None:
        """By the pace so far; None before the first epoch and after the last."""
        total = self.began.model_epochs if self.began else 0
        paid = self.model_epochs - self.given
        if paid <= 0 or self.model_epochs >= total:
            return None
        return (time.monotonic() - self.started) * (total - self.model_epochs) / paid

    def line(self) -> str:
        """How far the run is, in a sentence."""
        assert self.began is not None
        running = sum(each.members for each in self.fleets.values())
        text = f"{self.done}/{self.began.jobs} jobs done, {self.bad} failed or diverged, {running} running"
        left = self.seconds_left()
        return text if left is None else f"{text}, about {duration(left)} left"


def opening(began: Began) -> str:
    """What a run is about to do, in a sentence."""
    if not began.jobs:
        return f"nothing to train: {began.skipped} jobs are done already"
    skipped = f" ({began.skipped} are done already)" if began.skipped else ""
    workers = "1 worker" if began.workers == 1 else f"{began.workers} workers"
    threads = "1 thread" if began.threads == 1 else f"{began.threads} threads"
    fleets = "1 fleet" if began.fleets == 1 else f"{began.fleets} fleets"
    return f"training {began.jobs} jobs in {fleets}{skipped} on {began.device}: {workers}, {threads} each"


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
