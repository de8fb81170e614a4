"""What a run says while it goes on; the command line draws it, a notebook may ignore it."""

import threading
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
    """A fleet of `members` jobs trains now. One that died and is tried again starts again."""

    fleet: str
    members: int


@dataclass(frozen=True)
class EpochDone:
    """A fleet has done `epoch` of `epochs`. Its first may be later than 1: it goes on from its checkpoint."""

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
    """A fleet trains no more: it is `finished`, or it stopped or died."""

    fleet: str
    finished: bool


@dataclass(frozen=True)
class DoneElsewhere:
    """Another runner has trained so many of the jobs that this one was to train; `model_epochs` as in `Began`."""

    jobs: int
    model_epochs: int


@dataclass(frozen=True)
class Said:
    """Something a person should know, in a sentence."""

    text: str


Event = Began | FleetStarted | EpochDone | JobDone | FleetEnded | DoneElsewhere | Said
Listener = Callable[[Event], None]


def one_at_a_time(listen: Listener) -> Listener:
    """The same listener, never called by two threads at once."""
    lock = threading.Lock()

    def heard(event: Event) -> None:
        with lock:
            listen(event)

    return heard
