"""Files and folders of the user: found, identified by content, and opened without ever running code from them."""

import difflib
import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from klsweep import numpy_files
from klsweep.data import sources
from klsweep.errors import DataError, Problem
from klsweep.numpy_files import UNREADABLE

FINGERPRINT_DIGITS = 16  # 64 bits: two of a million files share them with a chance of 3e-8
PICTURES = (".png", ".jpg", ".jpeg")
"""Of a folder, what counts: its pictures, also in folders inside."""

LARGEST_ARRAY = 2**34
"""Bytes of one array at most: 16 GiB, where a hostile archive of 16 MB could unpack to."""


def find(path: str, data_dir: Path | None) -> Path:
    """The file or folder itself, or taken against the current folder, then the data folders; absolute."""
    if not path:
        raise DataError([Problem("dataset.path", "no path given", fix="write path: FILE")])
    given = Path(path).expanduser()
    options = [(root / given).absolute() for root in (Path.cwd(), *sources.user_folders(data_dir))]
    found = next((option for option in options if option.is_file()), None)
    found = found or next((option for option in options if option.is_dir()), None)
    if found:
        return found
    raise DataError([_not_found(path, list(dict.fromkeys(options)))])


def pictures(folder: Path) -> list[Path]:
    """The pictures in a folder and below, in the order of their paths, which no file system changes."""
    found = (file for file in folder.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())
    return sorted(found, key=lambda file: file.relative_to(folder).parts)


def fingerprint(place: Path) -> str:
    """The first 16 hex digits of the SHA-256 of the content."""
    return _sha256(place)[:FINGERPRINT_DIGITS]


def changed(place: Path) -> tuple[int, ...]:
    """Numbers that change with the content, found without reading it."""
    files = [place] if place.is_file() else pictures(place)
    return tuple(number for file in files for number in (file.stat().st_mtime_ns, file.stat().st_size))


def _sha256(place: Path) -> str:
    """Of a folder: over the digests of its pictures in their order, whatever their names."""
    if place.is_file():
        return sources.sha256(place)
    return hashlib.sha256("".join(map(sources.sha256, pictures(place))).encode()).hexdigest()


def check_fingerprint(file: Path, expected: str) -> None:
    """`DataError` if the file's content is not what the spec or an earlier run had."""
    if expected and not (found := _sha256(file)).startswith(expected):
        raise DataError(
            [
                Problem(
                    "dataset.fingerprint",
                    f"{file} has the content {found[: len(expected)]}",
                    f"the spec says {expected}",
                    "give the file that was meant, or leave fingerprint out to study the new content",
                )
            ]
        )


def one_file(place: Path) -> Path:
    """The same, if it is no folder."""
    if place.is_dir():
        fix = "give a file, or for a folder of pictures write kind: images"
        raise DataError([Problem("dataset.path", f"{place} is a folder", fix=fix)])
    return place


@contextmanager
def opened(file: Path) -> Iterator[zipfile.ZipFile | NDArray[Any]]:
    """The archive, or the array; the errors of both, and those of reading from them, become `DataError`."""
    one_file(file)
    try:
        with file.open("rb") as handle:
            zipped = handle.read(2) == b"PK"
            handle.seek(0)
            if zipped:
                with zipfile.ZipFile(handle) as archive:
                    yield archive
            else:
                yield numpy_files.array(handle, os.fstat(handle.fileno()).st_size, most=LARGEST_ARRAY)
    except UNREADABLE as error:
        raise DataError([_unreadable(file, error)]) from error


def pick(archive: zipfile.ZipFile, key: str | None, *, file: Path, field: str) -> NDArray[Any]:
    """One array of an archive by its key, or the only one; `field` is the setting that names the key."""
    keys = numpy_files.names(archive)
    if key is None and len(keys) == 1:
        key = keys[0]
    if key not in keys:
        near = difflib.get_close_matches(key or "", keys, n=1)
        raise DataError(
            [
                Problem(
                    f"dataset.{field}",
                    f"no array {key!r} in {file}" if key else f"{file} has {len(keys)} arrays",
                    f"one of {', '.join(_with_shape(archive, each) for each in keys) or 'none'}",
                    f"did you mean {near[0]!r}?" if near else f"write {field}: NAME",
                )
            ]
        )
    return numpy_files.member(archive, key, most=LARGEST_ARRAY)


def _with_shape(archive: zipfile.ZipFile, key: str) -> str:
    try:
        header = numpy_files.member_header(archive, key)
    except UNREADABLE:
        return f"{key} (unreadable)"
    return f"{key} {list(header.shape)} {header.dtype}"


def _unreadable(file: Path, error: Exception) -> Problem:
    if "Object arrays" in str(error):
        return Problem(
            str(file),
            "holds Python objects, not numbers",
            "arrays of numbers: reading objects would run code from the file",
            "save it again by numpy.savez(path, x=numpy.asarray(x, dtype='float32'))",
        )
    said = " ".join(str(error).split()) or type(error).__name__
    found = "not a file of numpy" if "magic string" in said else f"cannot be read: {said}"
    return Problem(str(file), found, "a file written by numpy.save or numpy.savez", "save it again")


def _not_found(path: str, options: list[Path]) -> Problem:
    folders = list(dict.fromkeys(option.parent for option in options))
    names = [
        each.name for folder in folders if folder.is_dir() for each in folder.iterdir() if each.is_file()
    ]
    near = difflib.get_close_matches(Path(path).name, names, n=1)
    arrays = sorted(name for name in names if name.endswith((".npz", ".npy")))[:8]
    return Problem(
        "dataset.path",
        f"no file {path!r}",
        f"looked in {', '.join(str(folder) for folder in folders)}"
        + (f", which has {', '.join(arrays)}" if arrays else ""),
        f"did you mean {near[0]!r}?"
        if near
        else f"give an absolute path, or --data-dir or {sources.VARIABLE}",
    )
