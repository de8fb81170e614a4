"""Files that are either whole or absent, whatever kills the writer."""

import contextlib
import errno
import os
import uuid
from pathlib import Path

TEMPORARY = ".tmp-"
"""Part of the name of every file that is still being written."""


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path`, replacing what was there: temp file, fsync, rename, fsync of the directory."""
    temporary = _written(path, content)
    temporary.replace(path)
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


def move(path: Path, target: Path) -> None:
    """Rename durably, within one directory."""
    path.rename(target)
    _sync_directory(path.parent)


def _written(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f"{path.name}{TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sync_directory(directory: Path) -> None:
    with contextlib.suppress(OSError):  # directories cannot be opened for this everywhere, Windows among them
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
