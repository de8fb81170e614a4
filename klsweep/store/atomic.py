"""Files that are either whole or absent, whatever kills the writer."""

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from klsweep.errors import StoreError

TEMPORARY = ".tmp-"
"""Part of the name of every file that is still being written."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a disk says that has no room left, for anyone or for this user."""


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path`, replacing what was there: temp file, fsync, rename, fsync of the directory."""
    temporary = _written(path, content)
    try:
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def create(path: Path, content: bytes) -> bool:
    """Put `content` at `path` unless something is there; true if it was put. The first writer wins."""
    temporary = _written(path, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        # Some network and FAT file systems have no hard links; there the look and the rename are two steps.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if path.exists():
            return False
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)
    return True


def create_folder(path: Path, files: Mapping[str, bytes]) -> bool:
    """Put a folder with these files at `path`, at once, unless one that is not empty is there; true if it was put."""
    temporary = path.with_name(f"{path.name}{TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        temporary.mkdir()
        for name, content in files.items():
            _write_through(temporary / name, content)
        _sync_directory(temporary)
        try:
            temporary.rename(path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _sync_directory(path.parent)
    return True


def make_folder(path: Path) -> None:
    """Make a directory and those above it, unless they are there, so that they outlast a loss of power."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _sync_directory(each.parent)


def move(path: Path, target: Path) -> None:
    """Rename durably, within one directory."""
    path.rename(target)
    _sync_directory(path.parent)


def time_at(directory: Path) -> float:
    """The present by the clock that dates files there, which on a network is another machine's."""
    probe = directory / f"clock{TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    probe.touch()
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


@contextlib.contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Say what keeps us from writing to `place` as a `StoreError`: no job is to blame for it."""
    try:
        yield
    except OSError as error:
        raise StoreError(unwritable(place, error)) from None


@contextlib.contextmanager
def reading_from(place: Path) -> Iterator[None]:
    """Say what keeps us from reading `place` as a `StoreError`: what cannot be read is not what is not there."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{place}: cannot be read ({error.strerror or error}): needs files that you may read: "
            "see to its permissions and its file system, then give the same command again"
        ) from None


def unwritable(place: Path, error: OSError) -> str:
    """The place, what the system says, what is needed and what to do."""
    what = f"{place}: cannot write results here ({error.strerror or error})"
    if error.errno in FULL:
        return f"{what}: needs free space: make some and give the same command again; what is finished stays"
    return f"{what}: needs a directory that you may write to: choose one with --results DIR"


def _written(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f"{path.name}{TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        _write_through(temporary, content)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _write_through(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    with contextlib.suppress(OSError):  # directories cannot be opened for this everywhere, Windows among them
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
