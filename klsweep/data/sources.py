"""Where data files are: the folders that are searched, the checksums they must have, and their download.

Searched in turn: the folder given (`--data-dir`), the one named by KLSWEEP_DATA, and the user's cache.
Downloads go to the cache only. Nothing is printed here; progress goes to a callback.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from klsweep.errors import DataError, Problem

VARIABLE = "KLSWEEP_DATA"
CONNECT_SECONDS, READ_SECONDS = 5, 30  # a mirror that is silent for so long is given up for the next
LOCK_SECONDS = 900  # 30 MB at 35 kB/s: longer than that, the other process is not getting anywhere
CHUNK_BYTES = 1 << 16


class Progress(Protocol):
    """Is told how far a download is."""

    def __call__(self, name: str, done: int, total: int) -> None:
        """`done` of `total` bytes of the file `name` are here; `total` is 0 where the server does not say."""


@dataclass(frozen=True)
class KnownFile:
    """A gzipped file by its name and checksums; unpacked, it has the same name without `.gz`."""

    name: str
    sha256: str
    unpacked_sha256: str

    def within(self, folder: Path) -> Path | None:
        """The file in a folder, packed or not."""
        options = (folder / self.name, folder / self.name.removesuffix(".gz"))
        return next((path for path in options if path.is_file()), None)

    def expected(self, path: Path) -> str:
        """The checksum that this file must have under this name."""
        return self.sha256 if path.suffix == ".gz" else self.unpacked_sha256


@dataclass(frozen=True)
class Archive:
    """The files of one data set, the folders they may be in, and the addresses that serve them."""

    name: str
    files: tuple[KnownFile, ...]
    mirrors: tuple[str, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Search:
    """The files by their packed names, or None and where they were looked for."""

    paths: Mapping[str, Path] | None
    looked: tuple[str, ...]


def cache_folder() -> Path:
    """The folder for downloads, in the user's cache; made when it is needed."""
    from platformdirs import user_cache_path

    return user_cache_path("klsweep", appauthor=False)


def user_folders(data_dir: Path | None) -> tuple[Path, ...]:
    """The user's own data folders, first the one given, then the one named by KLSWEEP_DATA."""
    named = os.environ.get(VARIABLE)
    given = [Path(data_dir)] if data_dir else []
    folders = [*given, *([Path(named)] if named else [])]
    return tuple(dict.fromkeys(folder.expanduser().absolute() for folder in folders))


def find(archive: Archive, data_dir: Path | None) -> Search:
    """The archive's files; `DataError` where the user's own are not what they should be."""
    looked: list[str] = []
    cached = cache_folder() / archive.name
    for root in user_folders(data_dir):
        for folder in (*(root / name for name in archive.folders), root):
            if (paths := _within(archive, folder)) and folder != cached:
                _check(paths, archive)
                return Search(paths, ())
        looked.append(f"{root / archive.folders[0]}{_gaps(archive, root)}")
    paths = _within(archive, cached)
    damaged = _damaged(paths, archive) if paths else []
    if paths and not damaged:
        return Search(paths, ())
    names = ", ".join(path.name for path, _, _ in damaged)
    return Search(None, (*looked, f"{cached} (damaged: {names})" if names else str(cached)))


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _within(archive: Archive, folder: Path) -> dict[str, Path] | None:
    """All of the archive's files in one folder, or None."""
    paths = {file.name: path for file in archive.files if (path := file.within(folder))}
    return paths if len(paths) == len(archive.files) else None


def _gaps(archive: Archive, root: Path) -> str:
    """Which files are missing from a folder that holds some of them."""
    for folder in (*(root / name for name in archive.folders), root):
        absent = [file.name for file in archive.files if file.within(folder) is None]
        if len(absent) < len(archive.files):
            return f" (without {', '.join(absent)})"
    return ""


def _damaged(paths: Mapping[str, Path], archive: Archive) -> list[tuple[Path, str, str]]:
    """(path, expected, found) of each file whose checksum is wrong."""
    sums = [(paths[file.name], file.expected(paths[file.name])) for file in archive.files]
    return [(path, expected, found) for path, expected in sums if (found := sha256(path)) != expected]


def _check(paths: Mapping[str, Path], archive: Archive) -> None:
    wrong = _damaged(paths, archive)
    if wrong:
        raise DataError(
            Problem(
                str(path),
                f"not the {archive.name} file of that name: its SHA-256 is {found}",
                f"must be {expected}",
                "fetch the file again, or take the folder out of --data-dir and KLSWEEP_DATA",
            )
            for path, expected, found in wrong
        )
