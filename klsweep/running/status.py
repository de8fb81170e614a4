"""Where a sweep stands, read from its directory alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from klsweep.result import Status
from klsweep.store import Store, unmeasured


@dataclass(frozen=True)
class Standing:
    """The jobs of a sweep's last run by where they are, and what went wrong."""

    sweep: str
    jobs: int  # of the last run's spec
    finished: Mapping[Status, int]
    running: int  # in fleets that train now
    missing: int  # neither finished nor running
    orphans: int  # results that the last run's spec no longer asked for
    errors: tuple[str, ...]  # last line of each error, with its job
    problems: tuple[str, ...]  # damaged results
    unmeasured: tuple[str, ...]  # metrics that failed, a sentence each


def standing(store: Store) -> Standing:
    """Read where the sweep in `store` stands. Writes nothing."""
    under_way = store.work.jobs_under_way()
    records = {record.job_id: record for record in store.records()}
    asked = {job_id for ids in store.work.plan().values() for job_id in ids} or set(records)
    open_jobs = asked - records.keys()
    running = len(under_way & open_jobs)
    return Standing(
        sweep=store.name,
        jobs=len(asked),
        finished=Counter(records[job_id].status for job_id in asked & records.keys()),
        running=running,
        missing=len(open_jobs) - running,
        orphans=len(records.keys() - asked),
        errors=tuple(
            f"{job_id} {record.status.value}: {record.error.strip().splitlines()[-1]}"
            for job_id, record in sorted(records.items())
            if record.error.strip()
        ),
        problems=store.problems(),
        unmeasured=unmeasured(records.values()),
    )
