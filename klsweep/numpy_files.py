"""Numpy's files from outside: no code runs from them, and no header is believed beyond the bytes that are there."""

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,  # an archive without such a member
    RuntimeError,  # a zip that is encrypted, or packed by an unknown method
    ArithmeticError,  # a shape beyond what a machine counts to
    MemoryError,
    SyntaxError,  # as tokenize.TokenError, of a header, which is a Python literal
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
"""What reading a damaged or hostile file of numpy's raises."""

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class Header:
    """What a file says of its array."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def header(stream: IO[bytes], size: int) -> Header:
    """The header of a .npy stream of `size` bytes, which is left at the first value. One of `UNREADABLE` if it lies."""
    version = npy.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"version {version[0]}.{version[1]} of numpy's format is not one of plain numbers")
    found = Header(*_HEADERS[version](stream))
    if found.dtype.hasobject:
        raise ValueError("Object arrays are not read")
    there = size - stream.tell()
    if min(found.shape, default=0) < 0 or found.dtype.itemsize == 0 or found.nbytes > there:
        what = f"shape {list(found.shape)} of {found.dtype}, {found.nbytes:,} bytes"
        raise ValueError(f"the header says {what}, and {there:,} bytes follow")
    return found


def array(stream: IO[bytes], size: int, *, most: int) -> NDArray[Any]:
    """The array of a .npy stream of `size` bytes, at most `most` bytes of values; else one of `UNREADABLE`."""
    if (needed := header(stream, size).nbytes) > most:
        raise ValueError(f"{needed:,} bytes of values, and at most {most:,} are read")
    stream.seek(0)
    values: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
    return values


def names(archive: zipfile.ZipFile) -> list[str]:
    """The arrays of an .npz archive."""
    return [name.removesuffix(".npy") for name in archive.namelist()]


def member_header(archive: zipfile.ZipFile, name: str) -> Header:
    """What an archive says of one array; nothing but its header is unpacked."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as stream:
        return header(stream, info.file_size)


def member(archive: zipfile.ZipFile, name: str, *, most: int) -> NDArray[Any]:
    """One array of an archive. However far it was packed, no more than its header says is unpacked."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as stream:
        return array(stream, info.file_size, most=most)
