"""One sweep's directory: what is done, how a result is committed, and what is read back."""

import contextlib
import itertools
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from numpy.typing import NDArray

from klsweep.errors import StoreError
from klsweep.result import Result
from klsweep.store import atomic, codec, records
from klsweep.store.folder import FleetFolder
from klsweep.store.records import Found, Record

HELD_SECONDS = 0.5
"""How long a run waits for the sweep: `is_held` holds it for an instant, and that must refuse nobody."""

LEFT_BEHIND = ("", "jobs/*/", "work/", "work/*/")
"""Where a killed writer may leave a file that is not whole."""


@dataclass(frozen=True)
class Store:
    """The directory of one sweep. Reading never writes."""

    path: Path

    @classmethod
    def open(cls, results: Path, name: str) -> "Store":
        """The sweep `name` under `results`, made and shown to be writable; else `StoreError`."""
        store = cls(results / name)
        with atomic.writing_to(store.path):
            store._jobs.mkdir(parents=True, exist_ok=True)
            store.work.mkdir(exist_ok=True)
            atomic.write(store.work / "probe", b"")
            (store.work / "probe").unlink(missing_ok=True)
        return store

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.path.name

    @property
    def report_dir(self) -> Path:
        """Where the report of this sweep goes by default."""
        return self.path / "report"

    @property
    def work(self) -> Path:
        """Plan, logs and checkpoints of unfinished work; safe to delete while nothing runs."""
        return self.path / "work"

    @property
    def _jobs(self) -> Path:
        return self.path / "jobs"

    # ---- committing

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the sweep for one run; a second run is told so at once by `StoreError`."""
        lock = FileLock(self.work / "run.lock")
        with atomic.writing_to(self.path):
            taken = _taken(lock, HELD_SECONDS)
        if not taken:
            raise StoreError(
                f"{self.path}: another klsweep run is using this sweep: one run at a time: "
                "wait for it to end, or choose another place with --results DIR"
            )
        try:
            yield
        finally:
            lock.release()

    def is_held(self) -> bool:
        """Whether a run is using this sweep now."""
        if not os.access(self.work / "run.lock", os.W_OK):
            return False
        lock = FileLock(self.work / "run.lock")
        taken = _taken(lock, 0)
        lock.release()
        return not taken

    def write_spec(self, text: str) -> None:
        """Keep the spec as it was run."""
        with atomic.writing_to(self.path):
            atomic.write(self.path / "sweep.yaml", text.encode())

    def commit(self, result: Result) -> bool:
        """Write a result for good; false, and nothing changes, if the job already has one."""
        directory = self._jobs / result.job_id
        sidecars = codec.encode_sidecars(result)
        content = codec.encode_result(result, sidecars)
        with atomic.writing_to(directory):
            directory.mkdir(parents=True, exist_ok=True)
            if (directory / "result.json").exists():
                return False
            for name, beside in sidecars.items():
                atomic.write(directory / name, beside)
            return atomic.create(directory / "result.json", content)

    def withdraw(self, job_id: str) -> None:
        """Set a result aside under a name of its own, so that its job is to be done again."""
        self._set_aside(job_id, "withdrawn")

    def set_aside_damaged(self) -> tuple[str, ...]:
        """Rename every damaged result to `result.json.corrupt*`; one sentence for each."""
        said = []
        for job_id, reason in sorted(self._found.damaged.items()):
            target = self._set_aside(job_id, "corrupt")
            said.append(f"{self._result(job_id)} {reason}; kept as {target.name}, its job will run again")
        return tuple(said)

    def sweep_temporaries(self) -> None:
        """Remove what killed writers left; only for whoever holds the sweep."""
        for place in LEFT_BEHIND:
            for left in self.path.glob(f"{place}*{atomic.TEMPORARY}*"):
                left.unlink(missing_ok=True)

    def _set_aside(self, job_id: str, why: str) -> Path:
        """Rename to the first free name of `result.json.why`, `result.json.why-2`, ..."""
        path = self._result(job_id)
        names = itertools.chain([why], (f"{why}-{number}" for number in itertools.count(2)))
        targets = (path.with_name(f"result.json.{name}") for name in names)
        target = next(target for target in targets if not target.exists())
        with atomic.writing_to(path):
            atomic.move(path, target)
        return target

    # ---- reading

    def records(self) -> tuple[Record, ...]:
        """Every verified result, in order of job id."""
        return tuple(record for _, record in sorted(self._found.records.items()))

    def lacking(self, job_ids: Iterable[str]) -> frozenset[str]:
        """Those of these jobs that have no verified result on disk now."""
        asked = frozenset(job_ids)
        return asked - records.find(map(self._result, asked)).records.keys()

    def problems(self) -> tuple[str, ...]:
        """What is damaged, a sentence each."""
        return tuple(
            f"{self._result(job_id)} {reason}" for job_id, reason in sorted(self._found.damaged.items())
        )

    def refreshed(self) -> "Store":
        """The same directory, to be read anew."""
        return Store(self.path)

    def curve(self, job_id: str) -> list[dict[str, float | None]]:
        """The learning curve, one row per epoch; empty where the job has none or it is damaged."""
        content = self._sidecar(job_id, "curve.csv")
        return codec.decode_curve(content) if content else []

    def arrays(self, job_id: str) -> dict[str, NDArray[Any]]:
        """The small arrays of a job; empty where it has none or they are damaged."""
        content = self._sidecar(job_id, "arrays.npz")
        return codec.decode_arrays(content) if content else {}

    def _result(self, job_id: str) -> Path:
        return self._jobs / job_id / "result.json"

    def _sidecar(self, job_id: str, name: str) -> bytes:
        facts = self._found.files.get(job_id, {}).get(name)
        path = self._jobs / job_id / name
        if facts is None or not path.is_file():
            return b""
        content = path.read_bytes()
        return content if codec.sha256(content) == facts["sha256"] else b""

    @cached_property
    def _found(self) -> Found:
        return records.find(self._jobs.glob("*/result.json"))

    # ---- work in progress

    def write_plan(self, fleets: Mapping[str, Iterable[str]]) -> None:
        """Keep which jobs the present spec asks for, by fleet, so that `status` can name what is missing."""
        text = json.dumps({fleet: list(ids) for fleet, ids in fleets.items()})
        with atomic.writing_to(self.work):
            atomic.write(self.work / "plan.json", text.encode())

    def plan(self) -> dict[str, list[str]]:
        """The job ids of each fleet of the last run; empty before the first."""
        with contextlib.suppress(OSError, ValueError):
            plan = json.loads((self.work / "plan.json").read_bytes())
            return plan if isinstance(plan, dict) else {}
        return {}

    def fleet(self, fleet_id: str) -> FleetFolder:
        """Where a fleet keeps its log and its checkpoint until it is done."""
        return FleetFolder(self.work / fleet_id)

    def jobs_under_way(self) -> frozenset[str]:
        """The jobs that train now."""
        if not self.is_held():
            return frozenset()
        return frozenset().union(*(folder.jobs_under_way() for folder in self._folders()))

    def clear_fleets_but(self, fleet_ids: Collection[str]) -> None:
        """Remove what fleets left that nobody will take up again, and the marks of a run that was killed."""
        for folder in self._folders():
            folder.forget()
            if folder.path.name not in fleet_ids:
                folder.clear()

    def _folders(self) -> tuple[FleetFolder, ...]:
        return tuple(FleetFolder(path) for path in self.work.glob("*/") if path.is_dir())


def sweeps(path: Path) -> tuple[Store, ...]:
    """The sweeps at `path`: a results root, or the directory of one sweep. `StoreError` if there is none."""
    if (path / "jobs").is_dir():
        return (Store(path),)
    found = tuple(Store(jobs.parent) for jobs in sorted(path.glob("*/jobs")) if jobs.is_dir())
    if not found:
        what = "holds no sweep" if path.is_dir() else "does not exist"
        raise StoreError(
            f"{path}: {what}: give a results directory, or one sweep in it: "
            "`klsweep run SPEC --results DIR` makes one"
        )
    return found


def _taken(lock: FileLock, timeout: float) -> bool:
    try:
        lock.acquire(timeout=timeout, poll_interval=0.02)
    except Timeout:
        return False
    return True
