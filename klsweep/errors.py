"""What can go wrong that is not a bug, as values a person can act on.

    KlsweepError            exit code 2: the user's input, or the place to write to
    ├── ProblemsError       several mistakes at once
    │   ├── SpecError       a sweep spec or a `key=value`
    │   └── DataError       data that is missing, damaged or not what the spec says
    ├── StoreError          a results directory that cannot be read or written
    ├── DeviceError         a device that was asked for and is not there
    └── ClusterError        a cluster that cannot be reached, or whose workers cannot take part

A failed *job* is never an exception: it is a `klsweep.result.Result` whose status says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass


class Loud(str):
    """A note that is told where only errors are: results are not those that were asked for, or were damaged."""

    __slots__ = ()


class KlsweepError(Exception):
    """The one family of errors that users meet; the command line prints it and exits 2."""


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands, what was found, what is allowed and what to write instead."""

    where: str
    what: str
    allowed: str = ""
    fix: str = ""

    def __str__(self) -> str:
        """The problem on one line, empty parts left out: `where: what: allowed: fix`."""
        return ": ".join(part for part in (self.where, self.what, self.allowed, self.fix) if part)


class ProblemsError(KlsweepError):
    """Several mistakes at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,)


class SpecError(ProblemsError):
    """Mistakes in a sweep spec or on the command line, all of them at once."""


class DataError(ProblemsError):
    """Data that is missing, damaged, or not what the spec says it is."""


class StoreError(KlsweepError):
    """A results directory that cannot be written, or is held by another run."""


class DeviceError(KlsweepError):
    """A device that was asked for and is not there."""


class ClusterError(KlsweepError):
    """A cluster that cannot be reached, or whose workers cannot take part."""


class Interrupted(Exception):  # noqa: N818 - not an error: work stopped because it was asked to
    """A training was asked to stop; its checkpoint, if it keeps one, is on disk."""
