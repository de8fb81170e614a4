"""Which jobs train together. Decided by the whole sweep, never by what is left of it."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from klsweep.errors import KlsweepError
from klsweep.result import job_digest
from klsweep.spec.job import Job

FREE = frozenset({"beta_norm", "beta", "weight", "reduction", "schedule", "seed"})
"""Fields in which the members of a fleet may differ: none of them changes the shape of a tensor."""

LARGEST = {"cpu": 32, "cuda": 256}
"""Members of a fleet at most: `benchmarks/README.md` has what they gain on a CPU; a GPU needs many to be full."""


@dataclass(frozen=True)
class FleetPlan:
    """Jobs to be trained as one fleet, in the order of the sweep."""

    jobs: tuple[Job, ...]

    @cached_property
    def id(self) -> str:
        """Twelve hex digits that depend on the members and their order."""
        return job_digest({"fleet": [job.id for job in self.jobs]})

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The members' ids."""
        return tuple(job.id for job in self.jobs)

    def halves(self) -> "tuple[FleetPlan, FleetPlan]":
        """Two fleets of half the members each, to find the one that a fleet dies of."""
        middle = len(self.jobs) // 2
        return FleetPlan(self.jobs[:middle]), FleetPlan(self.jobs[middle:])


def shape_key(identity: Mapping[str, Any]) -> str:
    """What two jobs must have in common to be trained as one: all of their identity but `FREE`."""
    return json.dumps({name: value for name, value in identity.items() if name not in FREE}, sort_keys=True)


def fleets(jobs: Iterable[Job], device: str, *, cores: int) -> tuple[FleetPlan, ...]:
    """All fleets of a sweep: jobs of one shape, in equal parts of at most `LARGEST` members.

    On the CPU a sweep is cut into a fleet for each of `cores`, or a multiple, for workers of one thread each do more
    than one of several; and models whose stacking costs more than it saves train there one at a time.
    """
    kind = device.partition(":")[0]
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(shape_key(job.identity), []).append(job)
    fewest = -(-cores // len(groups)) if kind == "cpu" and groups else 1
    planned = []
    for group in groups.values():
        model = group[0].model
        alone = not (model.stacks_on_cpu if kind == "cpu" else model.stacks_on_gpu)
        parts = len(group) if alone else -(-len(group) // (LARGEST[kind] * fewest)) * fewest
        planned += [FleetPlan(tuple(part)) for part in _equal_parts(group, min(parts, len(group)))]
    return tuple(planned)


@dataclass(frozen=True)
class Shard:
    """One of several shares of a sweep, counted from 0: every `of`-th fleet."""

    index: int
    of: int

    @classmethod
    def read(cls, text: str) -> "Shard":
        """`1/3` is the second of three; `KlsweepError` says what is allowed."""
        index, _, of = text.partition("/")
        if not (index.isdecimal() and of.isdecimal() and int(of)):
            raise KlsweepError(f"--shard {text}: no share: allowed: i/N, counted from 0, as in 0/3")
        if int(index) >= int(of):
            raise KlsweepError(
                f"--shard {text}: there is no such share: allowed: 0/{of} to {int(of) - 1}/{of}"
            )
        return cls(int(index), int(of))

    def __str__(self) -> str:
        """As it is given."""
        return f"{self.index}/{self.of}"

    def share(self, planned: Sequence[FleetPlan]) -> tuple[FleetPlan, ...]:
        """The fleets of this share, given those of the whole sweep."""
        return tuple(planned[self.index :: self.of])


def recorded(jobs: Sequence[Job], fleets_by_id: Mapping[str, Sequence[str]]) -> tuple[FleetPlan, ...]:
    """Fleets of a sweep as they were planned before, perhaps on another machine; none if they are not of these jobs."""
    by_id = {job.id: job for job in jobs}
    members = [list(ids) for ids in fleets_by_id.values()]
    if sorted(by_id) != sorted(job_id for ids in members for job_id in ids):
        return ()
    planned = tuple(FleetPlan(tuple(by_id[job_id] for job_id in ids)) for ids in members)
    whole = all(len({shape_key(job.identity) for job in fleet.jobs}) == 1 for fleet in planned)
    return planned if whole else ()


def unfinished(
    planned: Iterable[FleetPlan], done: Collection[str], trained_in: Mapping[str, str]
) -> tuple[FleetPlan, ...]:
    """The fleets to train, given the finished job ids and the fleet in which each was trained.

    A fleet that lost only some members' results is trained again whole, so that they come out of the same fleet
    to the bit. Where the finished members come from another fleet (the spec has changed), only the rest trains.
    """
    todo = []
    for fleet in planned:
        missing = tuple(job for job in fleet.jobs if job.id not in done)
        if not missing:
            continue
        torn = any(trained_in.get(job_id) == fleet.id for job_id in fleet.job_ids)
        todo.append(fleet if torn else FleetPlan(missing))
    return tuple(todo)


def _equal_parts(group: Sequence[Job], parts: int) -> Iterable[Sequence[Job]]:
    edges = [len(group) * part // parts for part in range(parts + 1)]
    return [group[low:high] for low, high in pairwise(edges)]
