"""What a run and its workers on a cluster tell each other, in files: the one channel that is the same for every engine.

work/<token>.run/stop          empty; one byte once the run wants its fleets to stop, two when at once
                 <order>.said  what a worker says of a fleet that it trains, a line each

`token` is the run's. It is random, so a worker that finds the folder under this name sees the directory of the run.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from klsweep.store import atomic

SAID, STOP = ".said", "stop"

GRACEFULLY, AT_ONCE = 1, 2
"""How a run wants its fleets to stop: with a checkpoint of this epoch, or with what there is."""


@dataclass(frozen=True)
class Talk:
    """The folder of one run on a cluster."""

    path: Path

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Make it, and remove it in the end; the run's side."""
        with atomic.writing_to(self.path):
            atomic.make_folder(self.path)
            (self.path / STOP).touch()
        try:
            yield
        finally:
            shutil.rmtree(self.path, ignore_errors=True)

    # ---- stopping

    def stop(self, how: int) -> None:
        """Have workers stop; the file is written in place, for opening it asks a network file system's server."""
        with contextlib.suppress(OSError):  # then the workers are told by the engine, or by the run's end
            (self.path / STOP).write_bytes(b"!" * how)

    def stopping(self) -> int:
        """0, `GRACEFULLY` or `AT_ONCE`; that too where the folder is gone, and with it the run."""
        try:
            with (self.path / STOP).open("rb") as file:
                return min(os.fstat(file.fileno()).st_size, AT_ONCE)
        except FileNotFoundError:
            return AT_ONCE
        except OSError:
            return 0  # the file system does not answer; when it does, it will be asked again

    # ---- signs

    def sign(self) -> str:
        """Write a file here, and give its name: the worker's side of a look whether both see one directory."""
        name = f"seen-{uuid.uuid4().hex[:12]}"
        (self.path / name).touch()
        return name

    def shows(self, sign: str) -> bool:
        """Whether that file is here."""
        return (self.path / sign).exists()

    # ---- what is said of fleets

    def say(self, order: str, lines: Sequence[str]) -> None:
        """Append lines to what is said of an order; it is worth less than the training it is of."""
        with contextlib.suppress(OSError), (self.path / f"{order}{SAID}").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def heard(self, order: str, since: int) -> tuple[list[str], int]:
        """The lines said of an order since so many bytes, and the bytes until now; a line in writing waits."""
        try:
            with (self.path / f"{order}{SAID}").open("rb") as file:
                file.seek(since)
                whole, _, _ = file.read().rpartition(b"\n")
        except OSError:
            return [], since
        return whole.decode(errors="replace").splitlines(), since + (len(whole) + 1 if whole else 0)

    def speaking(self) -> tuple[str, ...]:
        """The orders of which something was said."""
        return tuple(sorted(path.name.removesuffix(SAID) for path in self.path.glob(f"*{SAID}")))

    def forget(self, order: str) -> None:
        """Remove what was said of an order."""
        with contextlib.suppress(OSError):
            (self.path / f"{order}{SAID}").unlink()
