"""How far a run is, counted from what it says of itself."""

import time
from dataclasses import dataclass, field, replace

from klsweep.cli.screen import duration
from klsweep.result import Status
from klsweep.running.events import Began, DoneElsewhere, EpochDone, Event, FleetEnded, FleetStarted, JobDone


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
