"""Which jobs are shown in full where a page has no room for all: seeds go before weights and settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Kept(Generic[Shown]):
    """What was made of which job, and how many jobs there are."""

    each: dict[str, Shown]
    of: int
    is_cut: bool
    """Whether some of them had no room."""


def rounds(job_ids: Sequence[str], points: Sequence[int]) -> list[list[str]]:
    """The first job of every point, then the second of every point, and so on.

    Inside a round the order is that of the fractional parts of k times the golden ratio, so that any first part of it
    is spread evenly.
    """
    found: list[list[str]] = []
    seen: dict[int, int] = {}
    for job_id, point in zip(job_ids, points, strict=True):
        turn = seen[point] = seen.get(point, -1) + 1
        if turn == len(found):
            found.append([])
        found[turn].append(job_id)
    return [[jobs[place] for place in _spread(len(jobs))] for jobs in found]


def fill(
    turns: Sequence[Sequence[str]],
    make: Callable[[str], Shown | None],
    cost: Callable[[Shown], int],
    *,
    room: int,
    most: int,
) -> Kept[Shown]:
    """What `make` gives for as many jobs as fit into `room`, whole rounds only but for the first.

    At most `most` jobs are looked at, however little they cost. A job for which `make` has None counts as none.
    """
    each: dict[str, Shown] = {}
    tried = 0
    for turn, jobs in enumerate(turns):
        made: dict[str, Shown] = {}
        left, complete = room, turn == 0 or tried + len(jobs) <= most
        for job_id in jobs if complete else ():
            if tried == most:
                complete = False
                break
            tried += 1
            if (one := make(job_id)) is None:
                continue
            if (left := left - cost(one)) < 0:
                complete = False
                break
            made[job_id] = one
        if complete or turn == 0:
            each |= made
            room = left
        if not complete:
            return Kept(each, sum(map(len, turns)), is_cut=True)
    return Kept(each, sum(map(len, turns)), is_cut=False)


def _spread(total: int) -> list[int]:
    golden = (5**0.5 - 1) / 2
    return sorted(range(total), key=lambda place: (place * golden) % 1)
