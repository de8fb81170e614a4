"""What is asked of an engine, and what it may answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

EXTRAS = {"dask": "distributed", "ray": "ray"}
"""The engines, each an extra of that name, by the package that says whether it is installed."""

CONNECT_SECONDS = 10.0
"""How long a scheduler may take to answer at first."""


@dataclass(frozen=True)
class Settings:
    """Which cluster: the one at `address`, or one of `devices` on this machine, a worker for each."""

    engine: str
    address: str | None = None
    devices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.engine} at {self.address}" if self.address else f"{self.engine} on this machine"


@dataclass(frozen=True)
class Size:
    """What a cluster offers: fleets that can be trained at once, on a thread or on a GPU each."""

    slots: int
    gpus: int


@dataclass(frozen=True)
class Outcome:
    """How hosting an order ended: `host.DONE` and its like, and a sentence where there is something to say."""

    kind: str
    text: str = ""


@dataclass(frozen=True)
class Ended:
    """An order was hosted to its end."""

    order: str
    outcome: Outcome


@dataclass(frozen=True)
class Lost:
    """The workers that had an order are gone, as often as the engine tries again by itself."""

    order: str
    reason: str


@dataclass(frozen=True)
class Broke:
    """An order could not be hosted: this was raised outside of what is supervised."""

    order: str
    reason: str


@dataclass(frozen=True)
class Looked:
    """What each worker answered when all were asked whether they can take part: problems, and a sign it left."""

    found: dict[str, tuple[tuple[str, ...], str]]


@dataclass(frozen=True)
class Ready:
    """The engine is there, with at least one worker."""

    size: Size


@dataclass(frozen=True)
class Gone:
    """There is no engine, or no more."""

    reason: str


Word = Ready | Looked | Ended | Lost | Broke | Gone


@dataclass(frozen=True)
class Look:
    """The run's word: have every worker look."""

    question: bytes


@dataclass(frozen=True)
class Submit:
    """The run's word: have this done."""

    order: str
    content: bytes
    gpu: bool


class EngineGoneError(Exception):
    """The engine cannot be reached, or no more; its text says what was tried."""


class Engine(Protocol):
    """A cluster at work. What raises `EngineGoneError` may be any of these."""

    def size(self) -> Size:
        """What the cluster offers now."""

    def look(self, question: bytes) -> Looked:
        """Have every worker answer `host.look`."""

    def submit(self, order: str, content: bytes, *, gpu: bool) -> None:
        """Have `host.host` called on some worker, which keeps a slot of its, and a GPU of its if `gpu`."""

    def ended(self) -> Iterable[Ended | Lost | Broke]:
        """Those that have ended since."""

    def close(self) -> None:
        """Leave the cluster; one that was made for this run ends, with all its processes."""
