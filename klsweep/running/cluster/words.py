"""Events on their way from a worker to the run: a line of JSON each, `["EpochDone", {"fleet": ...}]`."""

import contextlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import cast

from pydantic import TypeAdapter

from klsweep.running.events import DoneElsewhere, EpochDone, Event, FleetEnded, FleetStarted, JobDone, Said
from klsweep.store import Talk

KINDS = {
    each.__name__: TypeAdapter(each)
    for each in (FleetStarted, EpochDone, JobDone, FleetEnded, DoneElsewhere, Said)
}
"""What a worker says; `Began` is the run's own word."""

EPOCH_SECONDS = 0.5
"""A fleet's epochs are said this often at most, the first and the last of those in between left out."""


@dataclass
class Mouth:
    """A listener that writes what it hears for the run to read."""

    talk: Talk
    order: str
    _said: float = field(default=-math.inf)

    def __call__(self, event: Event) -> None:
        """Write it, unless it is an epoch too soon after the last one."""
        if isinstance(event, FleetStarted):
            self._said = -math.inf
        if isinstance(event, EpochDone):
            now = time.monotonic()
            if event.epoch < event.epochs and now - self._said < EPOCH_SECONDS:
                return
            self._said = now
        self.talk.say(self.order, [written(event)])


@dataclass
class Ear:
    """What was heard of an order so far."""

    talk: Talk
    order: str
    since: int = 0
    training: set[str] = field(default_factory=set)  # fleets that began and did not end

    def hear(self) -> Iterator[Event]:
        """What was said since."""
        lines, self.since = self.talk.heard(self.order, self.since)
        for line in lines:
            if (event := read(line)) is not None:
                if isinstance(event, FleetStarted):
                    self.training.add(event.fleet)
                elif isinstance(event, FleetEnded):
                    self.training.discard(event.fleet)
                yield event

    def end(self) -> Iterator[Event]:
        """The rest, and the end of what could not say so."""
        yield from self.hear()
        for fleet in sorted(self.training):
            yield FleetEnded(fleet, finished=False)
        self.training.clear()


def written(event: Event) -> str:
    """One line."""
    return json.dumps([type(event).__name__, asdict(event)])


def read(line: str) -> Event | None:
    """The event of a line; None where it is none."""
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):  # pydantic's are ValueErrors
        kind, fields = json.loads(line)
        return cast(Event, KINDS[kind].validate_python(fields))
    return None
