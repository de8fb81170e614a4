"""What a target of exports is, and what an export has done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from klsweep.store import Store

Listener = Callable[[int, int], None]
"""Hears (jobs written, jobs in all)."""


def silent(_done: int, _all: int) -> None:
    """The listener of whoever does not care."""


@dataclass(frozen=True)
class Export:
    """What was written, and how to look at it."""

    sweep: str
    target: str
    directory: Path
    files: tuple[Path, ...]
    """Of a tracker, its store or its folders."""
    jobs: int
    note: str
    """What is typed to look at it; empty for files that speak for themselves."""


class Target(Protocol):
    """One form of an export. It is a frozen value without state; its libraries are imported where it writes."""

    @property
    def name(self) -> str:
        """As in `--to NAME`; of the extra too that brings `needs`."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The modules it imports that klsweep does not depend on."""

    @property
    def holds(self) -> tuple[str, ...]:
        """The tables it can write, of which `--what` chooses; empty where it writes every job whole."""

    @property
    def holds_sweeps(self) -> bool:
        """Whether several sweeps share what it writes to; otherwise each has a directory of its own."""

    def write(
        self, store: Store, directory: Path, chosen: Sequence[str], listen: Listener
    ) -> tuple[Path, ...]:
        """Write the finished jobs of a sweep, or the `chosen` tables, to `directory`, which is there.

        What was exported there before is replaced. Raises `OSError` or `StoreError`.
        """

    def note(self, directory: Path) -> str:
        """The command that shows what was written; empty where none is needed."""
