"""Signs of life of those who work in a directory: a process that can be looked up, a file that somebody touches."""

import contextlib
import errno
import json
import os
import platform
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEAT_SECONDS = 5.0
"""How often a worker touches its file."""

DEAD_SECONDS = 60.0
"""How long the file of a worker on another machine stands still before it counts as dead: twelve beats."""


@dataclass(frozen=True)
class Worker:
    """A process that works on a sweep, or did."""

    token: str
    host: str
    process: int
    started: str  # tells it from a later process of the same number; empty where the system does not say
    realm: str  # the machine, its boot and its process namespace: where the number means something
    runs: str  # what the spec comes to; `ALONE` for a command that wants to be alone

    @classmethod
    def here(cls, runs: str) -> "Worker":
        """The present process."""
        pid = os.getpid()
        return cls(uuid.uuid4().hex[:12], platform.node(), pid, _started(pid), _realm(), runs)

    @property
    def name(self) -> str:
        """For people."""
        return f"process {self.process} on {self.host}"

    @property
    def is_here(self) -> bool:
        """Whether its process can be looked up from this one."""
        return self.realm == _realm()

    @property
    def is_gone(self) -> bool:
        """Whether it can be looked up and is no more."""
        return self.is_here and not _runs(self.process, self.started)


@dataclass
class Sight:
    """How long a file was seen to stand still."""

    mark: tuple[int, ...]
    looked: float
    still: float = 0.0
    moved: bool = False


@dataclass
class Watch:
    """Remembers how files looked, to tell who still touches them."""

    seen: dict[Path, Sight] = field(default_factory=dict)

    def look(self, path: Path) -> Sight:
        """Look once more. Time in which nobody looked, as while this process was stopped, does not count."""
        with _or_gone(), path.open("rb") as file:  # opening it has a network file system ask its server
            found = os.fstat(file.fileno())
        mark, now = (found.st_mtime_ns, found.st_ctime_ns, found.st_ino), time.monotonic()
        sight = self.seen.setdefault(path, Sight(mark, now))
        if sight.mark != mark:
            sight.mark, sight.still, sight.moved = mark, 0.0, True
        else:
            sight.still += min(now - sight.looked, BEAT_SECONDS)
        sight.looked = now
        return sight


def content(path: Path) -> dict[str, Any]:
    """What a file says; nothing where it is gone, or not whole on a file system where that can be."""
    try:
        with _or_gone():
            found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@contextlib.contextmanager
def _or_gone() -> Iterator[None]:
    """A file that another machine removed while it was being opened is a file that is not there."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ESTALE:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None
        raise


def token_in(path: Path) -> str:
    """Whose file it is; empty where it says nothing."""
    return str(content(path).get("token", ""))


def worker_in(path: Path) -> Worker | None:
    """The worker that a file is of; None where it says nothing of the kind."""
    said = content(path)
    kinds = {name: int if name == "process" else str for name in Worker.__dataclass_fields__}
    if said.keys() != kinds.keys() or not all(isinstance(said[name], kind) for name, kind in kinds.items()):
        return None
    return Worker(**said) if 0 < said["process"] < 2**31 else None


def _realm() -> str:
    """Where process numbers mean the same: containers may share a host's name, and a reboot begins anew."""
    boot, space = "", ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{platform.node()} {boot} {space}".strip()


def _runs(process: int, started: str) -> bool:
    """Whether this process of this machine runs still; true where the system does not tell."""
    if os.name != "posix":
        return True  # its file tells, in a minute
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    now = _started(process)
    return now == started or not (now and started)


def _started(process: int) -> str:
    """When a process started, in ticks since the boot; empty where the system does not say (proc(5), field 22)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "has ended" if fields[0] in "ZX" else fields[19]
