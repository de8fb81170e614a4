"""One sweep's directory: how a result is committed, and what is read back. Of what is not done: `Work`."""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from klsweep.errors import Loud, StoreError
from klsweep.result import Result
from klsweep.store import atomic, codec, measures, records, tidying
from klsweep.store.codec import DamagedError
from klsweep.store.measures import Measure
from klsweep.store.records import Found, Record
from klsweep.store.work import Work

T = TypeVar("T")


@dataclass(frozen=True)
class Store:
    """The directory of one sweep. Reading never writes."""

    path: Path

    @classmethod
    def open(cls, results: Path, name: str) -> "Store":
        """The sweep `name` under `results`, made and shown to be writable; else `StoreError`."""
        store = cls(results / name)
        with atomic.writing_to(store.path):
            for folder in (store._jobs, store._spectra, store.work.path):
                _check_own(folder)
            for folder in (store._jobs, store.work.path):
                atomic.make_folder(folder)
                atomic.write(folder / "probe", b"")
                (folder / "probe").unlink(missing_ok=True)
        store._listed()
        return store

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.path.name

    @property
    def spec(self) -> Path:
        """The spec as it was run."""
        return self.path / "sweep.yaml"

    @property
    def report_dir(self) -> Path:
        """Where the report of this sweep goes by default; `StoreError` where links lead out of it."""
        return self._made_from_results("report")

    @property
    def export_dir(self) -> Path:
        """Where exports of this sweep go by default; `StoreError` where links lead out of it."""
        return self._made_from_results("export")

    @property
    def work(self) -> Work:
        """Plan, logs and checkpoints of unfinished work, and who works on it."""
        return Work(self.path / "work")

    @property
    def _jobs(self) -> Path:
        return self.path / "jobs"

    @property
    def _spectra(self) -> Path:
        return self.path / "spectra"

    def _made_from_results(self, name: str) -> Path:
        folder = self.path / name
        _check_own(folder)
        for place, names, _ in os.walk(folder):
            for inner in names:
                _check_own(Path(place) / inner)
        return folder

    # ---- committing

    def write_spec(self, text: str) -> None:
        """Keep the spec as it was run."""
        with atomic.writing_to(self.path):
            atomic.write(self.spec, text.encode())

    def commit(self, result: Result) -> bool:
        """Write a result for good; false, and nothing changes, if the job already has one."""
        directory = self._jobs / result.job_id
        with atomic.reading_from(directory):
            if self._result(result.job_id).exists():
                return False
        sidecars = codec.encode_sidecars(result)
        content = codec.encode_result(result, sidecars)
        with atomic.writing_to(directory):
            atomic.make_folder(self._jobs)
            return atomic.create_folder(directory, {**sidecars, "result.json": content})

    def add_measures(self, job_id: str, new: Mapping[str, Measure]) -> None:
        """Keep metrics of a committed job beside its result; those of the same kind are replaced."""
        path = self._jobs / job_id / measures.NAME
        known = self._found.records[job_id].measures
        content = measures.encode({**known, **new}, weights=records.weights_of(self._found.files[job_id]))
        with atomic.writing_to(path):
            atomic.write(path, content)

    def write_spectrum(self, dataset: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep what is known of a data set's covariance under the label of the data set."""
        path = self._spectra / f"{codec.sha256(dataset.encode())[:12]}.npz"
        content = codec.encode_arrays({"dataset": np.array(dataset), **arrays})
        with atomic.writing_to(path):
            atomic.make_folder(path.parent)
            atomic.write(path, content)

    def withdraw(self, job_id: str) -> None:
        """Set a result aside under a name of its own, so that its job is to be done again."""
        tidying.set_aside(self._jobs / job_id, "withdrawn")

    def set_aside_damaged(self) -> tuple[str, ...]:
        """Rename the folder of every damaged result to `<job>.corrupt*`; one sentence for each.

        Raises `StoreError` where results cannot be read, and touches none then: they may be whole.
        """
        for job_id, reason in sorted(self._found.unreadable.items()):
            raise StoreError(
                f"{self._result(job_id)} {reason}, and may be whole: needs results that you may read: see to its "
                "permissions and its file system, then give the same command again"
            )
        said = []
        for job_id, reason in sorted(self._found.damaged.items()):
            target = tidying.set_aside(self._jobs / job_id, "corrupt")
            note = f"{self._result(job_id)} {reason}; kept in {target.name}, its job will run again"
            said.append(Loud(note))
        for folder in self._listed():
            if folder.is_dir() and not (folder / "result.json").exists():
                tidying.set_aside(folder, "incomplete")  # it would be in the way of a result
        return tuple(said)

    def sweep_temporaries(self, *, older_than: float = tidying.LEFT_SECONDS) -> None:
        """Remove what killed writers left so many seconds ago, by the file system's clock; while nobody else trains."""
        with atomic.writing_to(self.work.path):
            now = atomic.time_at(self.work.path)
        tidying.remove_temporaries(self.path, before=now - older_than)

    # ---- reading

    def records(self) -> tuple[Record, ...]:
        """Every verified result, in order of job id."""
        return tuple(record for _, record in sorted(self._found.records.items()))

    def lacking(self, job_ids: Iterable[str]) -> frozenset[str]:
        """Those of these jobs that have no verified result on disk now."""
        asked = frozenset(job_ids)
        return asked - records.find(map(self._result, asked)).records.keys()

    def problems(self) -> tuple[str, ...]:
        """What is damaged, a sentence each; of the files beside a result, those that were asked for until now."""
        spoilt = {**self._found.damaged, **self._found.unreadable}
        later, unread = self._found.unmeasured, self._found.unread
        return (
            *(f"{self._result(job_id)} {spoilt[job_id]}" for job_id in sorted(spoilt)),
            *(f"{self._jobs / job_id / measures.NAME} {later[job_id]}" for job_id in sorted(later)),
            *(f"{path} {unread[path]}" for path in sorted(unread)),
        )

    def mark(self) -> frozenset[tuple[str, int]]:
        """Differs from an earlier one once anything a report is made from came, went or changed; reads no content."""
        found = [*self._jobs.glob("*/result.json"), *self._jobs.glob(f"*/{measures.NAME}")]
        found += [*self._spectra.glob("*.npz"), self.work.plan_file]
        seen = set()
        for path in found:
            with contextlib.suppress(OSError):  # gone since it was listed
                seen.add((str(path), path.stat().st_mtime_ns))
        return frozenset(seen)

    def refreshed(self) -> "Store":
        """The same directory, to be read anew."""
        return Store(self.path)

    def kept_weights(self, job_id: str) -> bool:
        """Whether a job was committed with the parameters of its model."""
        return "weights.safetensors" in self._found.files.get(job_id, {})

    def weights(self, job_id: str) -> dict[str, NDArray[Any]]:
        """The parameters of a job's model by name; empty where it has none or they are damaged."""
        return self._sidecar(job_id, "weights.safetensors", codec.decode_tensors) or {}

    def curve(self, job_id: str) -> list[dict[str, float | None]]:
        """The learning curve, one row per epoch; empty where the job has none or it is damaged."""
        return self._sidecar(job_id, "curve.csv", codec.decode_curve) or []

    def last_epoch(self, job_id: str) -> dict[str, float | None]:
        """The last row of the learning curve; empty where the job has none or it is damaged."""
        return self._sidecar(job_id, "curve.csv", codec.decode_last_epoch) or {}

    def arrays(self, job_id: str) -> dict[str, NDArray[Any]]:
        """The small arrays of a job; empty where it has none or they are damaged."""
        return self._sidecar(job_id, "arrays.npz", codec.decode_arrays) or {}

    def spectra(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The arrays that `write_spectrum` kept, by data set; damaged ones are left out."""
        found = {}
        for path in sorted(self._spectra.glob("*.npz")):
            with contextlib.suppress(OSError, KeyError, DamagedError):
                arrays = codec.decode_arrays(path.read_bytes())
                found[str(arrays.pop("dataset"))] = arrays
        return found

    def _result(self, job_id: str) -> Path:
        return self._jobs / job_id / "result.json"

    def _sidecar(self, job_id: str, name: str, decode: Callable[[bytes], T]) -> T | None:
        """What is in a file beside a result; None where it has no such file, or a damaged one: see `problems`."""
        return self._found.beside(self._jobs / job_id / name, decode)

    @cached_property
    def _found(self) -> Found:
        return records.find(folder / "result.json" for folder in self._listed())

    def _listed(self) -> list[Path]:
        """The folders of jobs; none that was set aside or is still being written."""
        with atomic.reading_from(self._jobs), contextlib.suppress(FileNotFoundError):
            return [folder for folder in self._jobs.iterdir() if "." not in folder.name]
        return []


def sweeps(path: Path) -> tuple[Store, ...]:
    """The sweeps at `path`: a results root, or the directory of one sweep. `StoreError` if there is none."""
    jobs = path / "jobs"
    if jobs.is_dir() and not (jobs / "jobs").is_dir():  # else it is a sweep of this name
        return (Store(path),)
    found = tuple(Store(jobs.parent) for jobs in sorted(path.glob("*/jobs")) if jobs.is_dir())
    if not found:
        what = "holds no sweep" if path.is_dir() else "is a file" if path.exists() else "does not exist"
        raise StoreError(
            f"{path}: {what}: give a results directory, or one sweep in it: "
            "`klsweep run SPEC --results DIR` makes one"
        )
    return found


def _check_own(folder: Path) -> None:
    """Raise `StoreError` where what is removed and replaced in a folder of the sweep would be somebody else's."""
    if folder.is_symlink():
        raise StoreError(
            f"{folder}: is a link to {folder.readlink()}: needs a folder, for files in it are removed: "
            "take the link away, or make the folder of the sweep the link"
        )
