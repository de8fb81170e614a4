"""What a run says while it goes on; the command line draws it, a notebook may ignore it."""

from collections.abc import Callable
from dataclasses import dataclass

from klsweep.result import Status


@dataclass(frozen=True)
class Began:
    """The run is about to train: `jobs` in `fleets`, `skipped` are done already, by `workers` of `threads` each.

    `model_epochs` is the work ahead: epochs summed over the jobs.
    """

    jobs: int
    fleets: int
    skipped: int
    model_epochs: int
    workers: int
    threads: int
    device: str


@dataclass(frozen=True)
class FleetStarted:
    """A fleet of `members` jobs trains now."""

    fleet: str
    members: int


@dataclass(frozen=True)
class EpochDone:
    """A fleet has done `epoch` of `epochs`."""

    fleet: str
    epoch: int
    epochs: int


@dataclass(frozen=True)
class JobDone:
    """A job has its result."""

    job_id: str
    status: Status
    error: str = ""


@dataclass(frozen=True)
class FleetEnded:
    """A fleet trains no more."""

    fleet: str


@dataclass(frozen=True)
class Said:
    """Something a person should know, in a sentence."""

    text: str


Event = Began | FleetStarted | EpochDone | JobDone | FleetEnded | Said
Listener = Callable[[Event], None]
