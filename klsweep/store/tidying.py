"""Putting away what is in the way of a sweep: damaged results, and what killed writers left."""

import contextlib
import itertools
import shutil
from pathlib import Path

from klsweep.store import atomic

LEFT_BEHIND = ("", "jobs/", "jobs/*/", "spectra/", "work/", "work/*/")
"""Where a killed writer may leave a file that is not whole."""

LEFT_SECONDS = 60.0
"""How old such a file must be, for one that somebody writes this very moment looks the same."""


def set_aside(path: Path, why: str) -> Path:
    """Rename the folder of a job to the first free name of `<job>.why`, `<job>.why-2`, ... and give it."""
    names = itertools.chain([why], (f"{why}-{number}" for number in itertools.count(2)))
    targets = (path.with_name(f"{path.name}.{name}") for name in names)
    target = next(target for target in targets if not target.exists())
    with atomic.writing_to(path):
        atomic.move(path, target)
    return target


def remove_temporaries(sweep: Path, *, before: float) -> None:
    """Remove the unfinished files in a sweep's directory that were last written `before`, in the system's seconds."""
    for place in LEFT_BEHIND:
        for left in sweep.glob(f"{place}*{atomic.TEMPORARY}*"):
            with contextlib.suppress(FileNotFoundError):
                if left.parent.is_symlink() or left.lstat().st_mtime > before:
                    continue
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink()
