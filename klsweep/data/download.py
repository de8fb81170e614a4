"""Downloading known files: each mirror in turn, checked, and once even if many processes ask for it."""

from pathlib import Path
from typing import Any

from klsweep.data.sources import (
    CHUNK_BYTES,
    CONNECT_SECONDS,
    LOCK_SECONDS,
    READ_SECONDS,
    Archive,
    KnownFile,
    Progress,
)


def fetch(archive: Archive, folder: Path, *, progress: Progress | None = None) -> tuple[str, ...]:
    """Bring all of the archive's files into `folder`; the reasons why not, none if all are there.

    One file that no mirror gives ends it: without a network, the others would only wait as long again.
    """
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=LOCK_SECONDS):
            for file in archive.files:
                if reasons := _fetch_file(file, archive.mirrors, folder=folder, progress=progress):
                    return reasons
    except OSError as error:  # the cache cannot be written, or the lock is held for too long
        return (f"{folder}: {error}",)
    return ()


def _fetch_file(
    file: KnownFile, mirrors: tuple[str, ...], *, folder: Path, progress: Progress | None
) -> tuple[str, ...]:
    """Why no mirror gave the file; nothing if it is there. A right file that is there is not fetched again."""
    import pooch

    pooch.get_logger().setLevel("WARNING")  # pooch logs each download to stderr, and only `cli` may print
    reasons = []
    for mirror in mirrors:
        downloader = pooch.HTTPDownloader(
            progressbar=_Bar(file.name, progress) if progress else False,
            chunk_size=CHUNK_BYTES,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            headers={"Accept-Encoding": "identity"},  # a .gz must not be unpacked on its way
        )
        try:
            pooch.retrieve(
                mirror + file.name, f"sha256:{file.sha256}", file.name, path=folder, downloader=downloader
            )
        except (OSError, ValueError) as error:  # requests raises OSErrors, pooch ValueError for a wrong hash
            reasons.append(f"{mirror}: {_short(error)}")
        else:
            return ()
    return tuple(reasons)


def _short(error: Exception) -> str:
    """A download's error in a few words: requests' own run to hundreds of letters."""
    if not isinstance(error, OSError):
        return "wrong SHA-256"
    if error.errno is not None:  # the disk's, not the network's
        return str(error)
    status, of_server, _ = str(error).partition(" for url")
    return status if of_server else type(error).__name__


class _Bar:
    """pooch's progress bar, told to a callback."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name, self.progress, self.total, self.done = name, progress, 0, 0

    def update(self, count: int) -> None:
        """`count` more bytes are here; pooch rounds up to whole chunks, so `total` is the most."""
        self.done = min(self.done + count, self.total) if self.total else self.done + count
        self.progress(self.name, self.done, self.total)

    def reset(self, *_: Any) -> None:
        """Start counting anew; pooch then fills the bar."""
        self.done = 0

    def close(self) -> None:
        """Nothing is open."""
