"""Reading what was committed: every result that is whole, and what is wrong with the others."""

import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from klsweep.result import Scalar, Status
from klsweep.store import codec, measures
from klsweep.store.codec import DamagedError
from klsweep.store.measures import Measure

T = TypeVar("T")


@dataclass(frozen=True)
class Record:
    """A committed result without its larger files; those are read on demand by `Store.curve` and `arrays`.

    `row` has the columns of `measures` too, metrics that were measured later, by kind.
    """

    job_id: str
    job: Mapping[str, Any]
    status: Status
    row: Mapping[str, Scalar]
    error: str
    provenance: Mapping[str, Scalar]
    measures: Mapping[str, Measure] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What a jobs directory holds, each by job id."""

    records: dict[str, Record] = field(default_factory=dict)
    files: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # size and checksum of those beside it
    damaged: dict[str, str] = field(default_factory=dict)  # how it shows
    unreadable: dict[str, str] = field(
        default_factory=dict
    )  # what the system says of those that may be whole
    unmeasured: dict[str, str] = field(default_factory=dict)  # how it shows that later metrics are damaged
    unread: dict[Path, str] = field(default_factory=dict)  # how it showed of other files that were asked for

    def beside(self, path: Path, decode: Callable[[bytes], T]) -> T | None:
        """What is in a file beside a result; None where the result names no such file, or it is damaged."""
        facts = self.files.get(path.parent.name, {}).get(path.name)
        if facts is None:
            return None
        try:
            content = path.read_bytes()
            if codec.sha256(content) != facts["sha256"]:
                raise DamagedError("does not match its checksum")
            return decode(content)
        except (OSError, DamagedError) as error:
            self.unread[path] = str(error)
            return None


def find(results: Iterable[Path]) -> Found:
    """Read and verify these result.json, each in the directory of its job."""
    found = Found()
    for path in results:
        job_id = path.parent.name
        try:
            body = codec.decode_result(path.read_bytes(), job_id)
            _check_sizes(path.parent, body["files"])
        except DamagedError as error:
            found.damaged[job_id] = str(error)
        except (FileNotFoundError, NotADirectoryError):
            continue  # not done, or set aside since it was listed
        except OSError as error:
            found.unreadable[job_id] = f"cannot be read ({error.strerror or error})"
        else:
            found.files[job_id] = body["files"]
            later = _measures(path.with_name(measures.NAME), found, job_id)
            found.records[job_id] = Record(
                job_id=job_id,
                job=body["job"],
                status=Status(body["status"]),
                row={**body["row"], **{k: v for each in later.values() for k, v in each.columns.items()}},
                error=body["error"],
                provenance=body["provenance"],
                measures=later,
            )
    return found


def _measures(path: Path, found: Found, job_id: str) -> dict[str, Measure]:
    """What was measured later; nothing where it cannot be read, for the result itself is whole."""
    try:
        content = path.read_bytes()
        return measures.decode(content, weights=weights_of(found.files[job_id]))
    except FileNotFoundError:
        return {}
    except (OSError, DamagedError) as error:
        found.unmeasured[job_id] = str(error)
        return {}


def weights_of(files: Mapping[str, Mapping[str, Any]]) -> str:
    """The checksum of a job's weights; empty where it has none."""
    return str(files.get("weights.safetensors", {}).get("sha256", ""))


def _check_sizes(directory: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `DamagedError` where a file beside result.json is absent or cut short."""
    for name, facts in files.items():
        size = _size(directory / name)
        if size != facts["bytes"]:
            found = "is absent" if size is None else f"has {size}"
            raise DamagedError(f"names {name} with {facts['bytes']} bytes, which {found}")


def _size(path: Path) -> int | None:
    """Of a file in bytes; None where there is none."""
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None
