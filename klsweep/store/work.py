"""Work in progress in a sweep's directory: who works on it, what is asked for, what unfinished fleets keep."""

import contextlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from klsweep.store import atomic, leases
from klsweep.store.folder import FleetFolder
from klsweep.store.leases import ALONE, Member
from klsweep.store.talk import Talk


@dataclass(frozen=True)
class Work:
    """The folder `work/` of a sweep; safe to delete while nothing runs."""

    path: Path

    # ---- who works

    def member(self, runs: str) -> Member:
        """The present process among those that work on the sweep; `runs` says what, alike for all of them."""
        return Member(self.path, runs)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the sweep alone: `StoreError` while a run is using it, and for a run that comes meanwhile."""
        with self.member(ALONE) as me, me.admitted():
            yield

    def is_held(self) -> bool:
        """Whether a command is using this sweep now, as far as its files tell."""
        return leases.in_use(self.path)

    def jobs_under_way(self) -> frozenset[str]:
        """The jobs that train now, as far as files tell."""
        return leases.under_way(self.path)

    def talk(self, token: str) -> Talk:
        """Where the run of this token and its workers on a cluster tell each other how it goes."""
        return Talk(self.path / f"{token}.run")

    # ---- what is asked for

    @property
    def plan_file(self) -> Path:
        """Where the plan is kept."""
        return self.path / "plan.json"

    def write_plan(self, fleets: Mapping[str, Iterable[str]]) -> None:
        """Keep which jobs the present spec asks for, by fleet, so that `status` can name what is missing."""
        text = json.dumps({fleet: list(ids) for fleet, ids in fleets.items()})
        with atomic.writing_to(self.path):
            atomic.write(self.plan_file, text.encode())

    def plan(self) -> dict[str, list[str]]:
        """The job ids of each fleet of the last run; empty before the first."""
        with contextlib.suppress(OSError, ValueError):
            plan = json.loads(self.plan_file.read_bytes())
            return plan if isinstance(plan, dict) else {}
        return {}

    # ---- what fleets keep

    def fleet(self, fleet_id: str) -> FleetFolder:
        """Where a fleet keeps its log and its checkpoint until it is done."""
        return FleetFolder(self.path / fleet_id)

    def fleets(self) -> tuple[FleetFolder, ...]:
        """What there is of such folders."""
        return tuple(FleetFolder(path) for path in sorted(self.path.glob("*/")) if path.is_dir())

    def clear_fleets_but(self, fleet_ids: Collection[str]) -> None:
        """Remove what fleets left that nobody will take up again; only while nobody else trains."""
        for folder in self.fleets():
            if folder.path.name not in fleet_ids:
                folder.clear()
