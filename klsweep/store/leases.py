"""Who works on a sweep now: any number of runners, on any number of machines that share its directory.

work/<token>.runner   a runner: its host, its process and what it runs; touched every few seconds while it lives
     <fleet>.fleet    the runner that trains this fleet, and its jobs
     lock             who plans or measures; held for moments, or as long as `measure` takes

A file is whoever's that created it. A runner is dead if it ran on this machine and its process is gone, or if its
file stood still for `DEAD_SECONDS` of this process's own monotonic clock: neither clocks that differ nor clocks that
jump matter. Nothing here needs a file system to have locks: creating a file that must not exist, and renaming one,
are enough, and network file systems have both. `flock` was not chosen since not every network file system carries it
to other machines, and filelock's leases not since they are never taken over where names cannot be exchanged.

A runner that stood still, and was taken for dead, and goes on, does no harm: it finds its fleets gone and leaves them,
and what it commits meanwhile is not kept where there is a result already. Such a mistake costs time, never a result.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from klsweep.errors import StoreError
from klsweep.store import atomic, signs
from klsweep.store.signs import Watch, Worker, content, token_in, worker_in

LOOK_SECONDS = 0.1
"""How often whoever waits for the lock looks again."""

PATIENCE_SECONDS = 0.5
"""How long the lock may be held by a command that wants to be alone before that is said to be in the way."""

ALONE = ""
"""What a command runs that suffers no runner beside it."""

RUNNER, FLEET, LOCK = ".runner", ".fleet", "lock"


class Member:
    """The present process among those that work in a directory; a context, and gone from there when it is left."""

    def __init__(self, directory: Path, runs: str) -> None:
        self.directory = directory
        self.me = Worker.here(runs)
        self._watch = Watch()
        self._kept: set[Path] = set()
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        """Begin to touch what is held."""
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give back what is held."""
        self._over.set()
        self._beating.join()
        for path in (*self._files(FLEET), *self._kept):
            self._drop(path)

    # ---- the lock, and who else is there

    @contextlib.contextmanager
    def admitted(self, tell: Callable[[str], None] = lambda _text: None) -> Iterator[tuple[Worker, ...]]:
        """Hold the lock, and from now on be seen; gives those who work on the same beside this.

        `StoreError` where somebody works on something else. A worker on another machine that gives no sign of life is
        watched until it does, or counts as dead.
        """
        told = False
        while True:
            with self._locked():
                others = self.others()
                rivals = [each for each in others if self.me.runs == ALONE or each.runs != self.me.runs]
                if not rivals:
                    if self.me.runs != ALONE:
                        self._create(self.directory / f"{self.me.token}{RUNNER}", asdict(self.me))
                    yield others
                    return
                for rival in rivals:
                    self._refuse_if_alive(rival, self.directory / f"{rival.token}{RUNNER}")
            if not told:
                tell(
                    f"Looking for up to {signs.DEAD_SECONDS:.0f} s whether {rivals[0].name} still uses this sweep."
                )
                told = True
            time.sleep(signs.BEAT_SECONDS / 5)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Wait for the lock while others plan; `StoreError` while it is held by a command that wants to be alone."""
        path, since = self.directory / LOCK, time.monotonic()
        while not self._create(path, asdict(self.me)):
            token, holder = token_in(path), worker_in(path)
            if self._is_dead(path, holder):
                self._take_away(path, token)
            elif (
                holder
                and ALONE in (holder.runs, self.me.runs)
                and time.monotonic() - since > PATIENCE_SECONDS
            ):
                self._refuse_if_alive(holder, path)
            time.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            self._drop(path)

    def others(self) -> tuple[Worker, ...]:
        """The other workers that are not known to be dead; what the dead held is free. Only under the lock."""
        alive, dead = self._runners()
        for path in (*dead, *self._orphans(alive)):
            path.unlink(missing_ok=True)
        return tuple(filter(None, map(worker_in, alive)))

    def lives(self, token: str) -> bool:
        """Whether the worker of this token is there, and not known to be dead."""
        path = self.directory / f"{token}{RUNNER}"
        with contextlib.suppress(OSError):
            return path.exists() and not self._is_dead(path, worker_in(path))
        return True  # the file system does not answer; when it does, it will be asked again

    def free_the_dead(self) -> None:
        """Take fleets from runners that died, where there are any."""
        alive, dead = self._runners()
        if dead or self._orphans(alive):
            with contextlib.suppress(StoreError), self._locked():
                self.others()

    def _runners(self) -> tuple[list[Path], list[Path]]:
        """The files of the other runners, of those that are not known to be dead and of those that are."""
        alive: list[Path] = []
        dead: list[Path] = []
        for path in self._files(RUNNER):
            if path.stem != self.me.token:
                (dead if self._is_dead(path, worker_in(path)) else alive).append(path)
        return alive, dead

    def _orphans(self, alive: Iterable[Path]) -> list[Path]:
        """The files of fleets whose runner is not there."""
        tokens = {self.me.token, *(path.stem for path in alive)}
        return [path for path in self._files(FLEET) if token_in(path) not in tokens]

    def _refuse_if_alive(self, other: Worker, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            if not other.is_here and not self._watch.look(path).moved:
                return
            same = "another klsweep command is using this sweep"
            what = (
                same if ALONE in (self.me.runs, other.runs) else "a run of another spec is using this sweep"
            )
            raise StoreError(
                f"{self.directory.parent}: {what} ({other.name}): "
                "wait for it to end, or choose another place with --results DIR"
            )

    def _is_dead(self, path: Path, worker: Worker | None) -> bool:
        try:
            still = self._watch.look(path).still
        except FileNotFoundError:
            return False
        return (worker is not None and worker.is_gone) or still >= signs.DEAD_SECONDS

    def _take_away(self, path: Path, token: str) -> None:
        """Remove the lock with this token, and no other: one rename, then a look at what was renamed."""
        aside = path.with_name(f"{LOCK}{atomic.TEMPORARY}{self.me.token}")
        with contextlib.suppress(FileNotFoundError):
            path.rename(aside)
            if token_in(aside) != token:
                with contextlib.suppress(OSError):  # another was quicker, and that is its own
                    os.link(aside, path)
            aside.unlink(missing_ok=True)

    # ---- fleets

    def take(self, fleet: str, jobs: Iterable[str]) -> bool:
        """Whether the fleet is this member's from now on."""
        return self._create(self.directory / f"{fleet}{FLEET}", {"token": self.me.token, "jobs": list(jobs)})

    def holds(self, fleet: str) -> bool:
        """Whether it still is: not if this process stood still for so long that another took it for dead."""
        try:
            return token_in(self.directory / f"{fleet}{FLEET}") == self.me.token
        except OSError:
            return True  # the file system does not answer; when it does, it will be asked again

    def drop(self, fleet: str) -> None:
        """Leave the fleet to whoever wants it."""
        self._drop(self.directory / f"{fleet}{FLEET}")

    def is_free(self, fleet: str) -> bool:
        """Whether nobody has it."""
        return not (self.directory / f"{fleet}{FLEET}").exists()

    # ---- files

    def _create(self, path: Path, content: dict[str, Any]) -> bool:
        """Create it; whether it is this member's then. Reading it back tells even where the answer got lost."""
        if not path.exists():
            with atomic.writing_to(path):
                atomic.create(path, json.dumps(content).encode())
        mine = token_in(path) == self.me.token
        if mine and path.suffix != FLEET:
            self._kept.add(path)
        return mine

    def _drop(self, path: Path) -> None:
        self._kept.discard(path)
        with contextlib.suppress(OSError):
            if token_in(path) == self.me.token:
                path.unlink()

    def _files(self, suffix: str) -> list[Path]:
        return sorted(self.directory.glob(f"*{suffix}"))

    def _beat(self) -> None:
        while not self._over.wait(signs.BEAT_SECONDS):
            for path in tuple(self._kept):
                try:
                    os.utime(path)
                except (
                    FileNotFoundError
                ):  # it was taken for dead; its fleets are gone, and it may take others
                    if path.suffix == RUNNER and not self._over.is_set():
                        with contextlib.suppress(StoreError):
                            self._create(path, asdict(self.me))
                except OSError:
                    pass  # the file system does not answer; the next beat may come through


def under_way(directory: Path) -> frozenset[str]:
    """The jobs in training now, as far as a look without waiting tells: by wall clocks for other machines."""
    jobs: set[str] = set()
    for path in directory.glob(f"*{FLEET}"):
        fleet = content(path)
        runner = directory / f"{fleet.get('token')}{RUNNER}"
        if _seems_alive(runner):
            jobs.update(map(str, fleet.get("jobs", ())))
    return frozenset(jobs)


def in_use(directory: Path) -> bool:
    """Whether a command works there now, as far as a look without waiting tells."""
    return any(map(_seems_alive, (*directory.glob(f"*{RUNNER}"), directory / LOCK)))


def _seems_alive(path: Path) -> bool:
    worker = worker_in(path)
    try:
        recent = time.time() - path.stat().st_mtime < signs.DEAD_SECONDS
    except OSError:
        return False
    return worker is not None and not worker.is_gone and (recent or worker.is_here)
