"""One sweep's directory: what is done, how a result is committed, and what is read back."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from numpy.typing import NDArray

from klsweep.errors import StoreError
from klsweep.result import Result, Scalar, Status
from klsweep.store import atomic, codec
from klsweep.store.codec import DamagedError


@dataclass(frozen=True)
class Record:
    """A committed result without its larger files; those are read on demand by `Store.curve` and `arrays`."""

    job_id: str
    job: Mapping[str, Any]
    status: Status
    row: Mapping[str, Scalar]
    error: str
    provenance: Mapping[str, Scalar]


@dataclass(frozen=True)
class Store:
    """The directory of one sweep. Reading never writes."""

    path: Path

    @classmethod
    def open(cls, results: Path, name: str) -> "Store":
        """The sweep `name` under `results`, made and shown to be writable; else `StoreError`."""
        store = cls(results / name)
        try:
            store._jobs.mkdir(parents=True, exist_ok=True)
            store.work.mkdir(exist_ok=True)
            atomic.write(store.work / "probe", b"")
            (store.work / "probe").unlink()
        except OSError as error:
            raise StoreError(
                f"{store.path}: cannot write results here ({error.strerror or error}): "
                "needs a directory that you may write to: choose one with --results DIR"
            ) from None
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
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"{self.path}: another klsweep run is using this sweep: one run at a time: "
                "wait for it to end, or choose another place with --results DIR"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def is_held(self) -> bool:
        """Whether a run is using this sweep now."""
        if not os.access(self.work / "run.lock", os.W_OK):
            return False
        lock = FileLock(self.work / "run.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def write_spec(self, text: str) -> None:
        """Keep the spec as it was run."""
        atomic.write(self.path / "sweep.yaml", text.encode())

    def commit(self, result: Result) -> bool:
        """Write a result for good; false, and nothing changes, if the job already has one."""
        directory = self._jobs / result.job_id
        directory.mkdir(exist_ok=True)
        if (directory / "result.json").exists():
            return False
        sidecars = codec.encode_sidecars(result)
        for name, content in sidecars.items():
            atomic.write(directory / name, content)
        return atomic.create(directory / "result.json", codec.encode_result(result, sidecars))

    def withdraw(self, job_id: str) -> None:
        """Set a result aside under a name of its own, so that its job is to be done again."""
        self._set_aside(job_id, "withdrawn")

    def set_aside_damaged(self) -> tuple[str, ...]:
        """Rename every damaged result to `result.json.corrupt*`; one sentence for each."""
        said = []
        for job_id, reason in sorted(self._read[1].items()):
            target = self._set_aside(job_id, "corrupt")
            said.append(f"{self._result(job_id)} {reason}; kept as {target.name}, its job will run again")
        return tuple(said)

    def sweep_temporaries(self) -> None:
        """Remove what killed writers left; only for whoever holds the sweep."""
        for left in self._jobs.glob(f"*/*{atomic.TEMPORARY}*"):
            left.unlink(missing_ok=True)

    def _set_aside(self, job_id: str, why: str) -> Path:
        path = self._result(job_id)
        target = path.with_name(f"result.json.{why}")
        number = 1
        while target.exists():
            number += 1
            target = path.with_name(f"result.json.{why}-{number}")
        atomic.move(path, target)
        return target

    # ---- reading

    def records(self) -> tuple[Record, ...]:
        """Every verified result, in order of job id."""
        return tuple(self._read[0][job_id] for job_id in sorted(self._read[0]))

    def problems(self) -> tuple[str, ...]:
        """What is damaged, a sentence each."""
        return tuple(f"{self._result(job_id)} {reason}" for job_id, reason in sorted(self._read[1].items()))

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
        files = self._bodies[job_id]["files"] if job_id in self._bodies else {}
        path = self._jobs / job_id / name
        if name not in files or not path.is_file():
            return b""
        content = path.read_bytes()
        return content if codec.sha256(content) == files[name]["sha256"] else b""

    @cached_property
    def _bodies(self) -> dict[str, dict[str, Any]]:
        return {}

    @cached_property
    def _read(self) -> tuple[dict[str, Record], dict[str, str]]:
        """(records, what is wrong with the others), each by job id."""
        records, damaged = {}, {}
        for path in self._jobs.glob("*/result.json"):
            job_id = path.parent.name
            try:
                body = codec.decode_result(path.read_bytes(), job_id)
                _check_sizes(path.parent, body["files"])
            except DamagedError as error:
                damaged[job_id] = str(error)
            except OSError as error:
                damaged[job_id] = f"cannot be read ({error.strerror or error})"
            else:
                self._bodies[job_id] = body
                records[job_id] = _record(body)
        return records, damaged

    # ---- work in progress

    def write_plan(self, fleets: Mapping[str, Iterable[str]]) -> None:
        """Keep which jobs the present spec asks for, by fleet, so that `status` can name what is missing."""
        atomic.write(
            self.work / "plan.json", json.dumps({fleet: list(ids) for fleet, ids in fleets.items()}).encode()
        )

    def plan(self) -> dict[str, list[str]]:
        """The job ids of each fleet of the last run; empty before the first."""
        try:
            plan = json.loads((self.work / "plan.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return plan if isinstance(plan, dict) else {}

    def fleet_dir(self, fleet_id: str) -> Path:
        """Where a fleet keeps its log and its checkpoint until it is done."""
        return self.work / fleet_id

    def clear_fleet(self, fleet_id: str) -> None:
        """Remove the log and the checkpoint of a fleet whose jobs all have results."""
        shutil.rmtree(self.fleet_dir(fleet_id), ignore_errors=True)

    def fleets_under_way(self) -> tuple[str, ...]:
        """Fleets that were begun and have not ended well."""
        return tuple(sorted(path.name for path in self.work.glob("*/") if path.is_dir()))


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


def _record(body: Mapping[str, Any]) -> Record:
    return Record(
        job_id=body["job_id"],
        job=body["job"],
        status=Status(body["status"]),
        row=body["row"],
        error=body["error"],
        provenance=body["provenance"],
    )


def _check_sizes(directory: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `DamagedError` where a file beside result.json is absent or cut short."""
    for name, facts in files.items():
        path = directory / name
        size = path.stat().st_size if path.is_file() else None
        if size != facts["bytes"]:
            raise DamagedError(f"names {name} with {facts['bytes']} bytes, which has {size or 0}")
