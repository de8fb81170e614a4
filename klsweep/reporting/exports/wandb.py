"""Weights & Biases: an offline run for each job, to be sent with `wandb sync` by whoever wants to. No network here."""

import contextlib
import errno
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from klsweep.errors import StoreError
from klsweep.reporting.exports.jobs import Exported, key
from klsweep.reporting.exports.surroundings import surroundings
from klsweep.reporting.exports.target import Listener
from klsweep.reporting.exports.tracker import Tracker
from klsweep.result import Status
from klsweep.store import atomic

DIGEST = "klsweep.digest"
"""In the folder of a run, written last: a folder without it was cut short."""


class Wandb(Tracker):
    """`wandb/offline-run-<time>-<job>/`, the project named after the sweep."""

    name = "wandb"
    needs = ("wandb",)

    def put(
        self, _sweep: str, found: Sequence[Exported], directory: Path, listen: Listener
    ) -> tuple[Path, ...]:
        """Add the runs that are lacking, and replace those whose job was measured or done again."""
        with _offline() as wandb:
            for done, job in enumerate(found, start=1):
                if not _is_there(directory, job):
                    _put(wandb, directory, job)
                listen(done, len(found))
        return tuple(folder for job in found for folder in _folders(directory, job))

    def note(self, directory: Path) -> str:
        """How to send it."""
        return f"wandb sync {shlex.quote(str(directory / self.name))}/offline-run-*"


@contextlib.contextmanager
def _offline() -> Iterator[Any]:
    """The library, whose background process is ended unless somebody else was using it."""
    in_use = "wandb" in sys.modules
    quiet = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    with surroundings(without="WANDB_", **quiet):
        import wandb

        try:
            yield wandb
        except wandb.Error as error:
            raise StoreError(
                f"wandb cannot write the export ({error}): choose another place with --out DIR"
            ) from None
        finally:
            if not in_use:
                wandb.teardown()


def _folders(directory: Path, job: Exported) -> list[Path]:
    return sorted((directory / "wandb").glob(f"offline-run-*-{job.id}"))


def _is_there(directory: Path, job: Exported) -> bool:
    kept = [folder / DIGEST for folder in _folders(directory, job)]
    return len(kept) == 1 and kept[0].is_file() and kept[0].read_text(errors="replace") == job.digest


def _put(wandb: Any, directory: Path, job: Exported) -> None:
    if not os.access(directory, os.W_OK):  # wandb would write to a temporary directory instead
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    for folder in _folders(directory, job):
        shutil.rmtree(folder)
    run = wandb.init(
        dir=directory,
        project=key(job.sweep)[-120:],
        id=job.id,
        name=job.name,
        config=dict(job.settings),
        reinit="create_new",
        settings=wandb.Settings(
            mode="offline",
            silent=True,
            console="off",
            disable_code=True,
            disable_git=True,
            save_code=False,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        ),
    )
    folder = Path(run.settings.sync_dir)
    for step, values in job.curve:
        run.log(values, step=step)
    run.summary.update({**job.measured, "status": str(job.status), "error": job.error})
    run.finish(exit_code=0 if job.status is Status.OK else 1)
    atomic.write(folder / DIGEST, job.digest.encode())
