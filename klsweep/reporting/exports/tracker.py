"""What the targets that are experiment trackers have in common: they take every job whole."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from klsweep.reporting.exports.jobs import Exported, jobs
from klsweep.reporting.exports.target import Listener
from klsweep.store import Store


class Tracker(ABC):
    """A `Target` without tables to choose from."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    holds: ClassVar[tuple[str, ...]] = ()
    holds_sweeps: ClassVar[bool] = False

    def write(
        self, store: Store, directory: Path, _chosen: Sequence[str], listen: Listener
    ) -> tuple[Path, ...]:
        """See `Target.write`."""
        return self.put(store.name, tuple(jobs(store)), directory, listen)

    @abstractmethod
    def put(
        self, sweep: str, found: Sequence[Exported], directory: Path, listen: Listener
    ) -> tuple[Path, ...]:
        """Write the jobs `found` of a sweep to `directory`; what is there already of the same is replaced."""

    @abstractmethod
    def note(self, directory: Path) -> str:
        """See `Target.note`."""
