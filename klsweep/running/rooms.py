"""Data loaded once on a machine: whichever child needs a data set first puts it where all others read it.

A room is memory without a name, which the system takes back when the last process that has it is gone, however that
went. Only Linux has such memory; elsewhere, and where there is too little, each child loads its data for itself.
"""

import contextlib
import fcntl
import json
import math
import mmap
import os
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from multiprocessing import reduction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from klsweep.data import Data

Arrays = dict[str, NDArray[Any]]

POSSIBLE = hasattr(os, "memfd_create")

ALIGNED = 64  # bytes: a cache line, and what vector instructions like best

_HEAD = struct.Struct("=Q")  # length of the index, written last: 0 while the room is not whole


class UnsharedError(Exception):
    """Raised for an array that only one process can have."""


@dataclass(frozen=True)
class Room:
    """Memory for one data set, known by a file descriptor; may be given to a child that is being started."""

    fd: int

    def __reduce__(self) -> tuple[Callable[..., "Room"], tuple[object]]:
        return _received, (reduction.DupFd(self.fd),)

    def data(self, load: Callable[[], Data]) -> Data:
        """What is in the room; if it is empty, what `load` gives, put there first.

        Arrays may be written to: what is written is this process's own.
        """
        with self._locked():
            if not self._is_whole():
                loaded = load()
                try:
                    self._fill(loaded)
                except (OSError, UnsharedError):
                    return loaded
        return self._content()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among processes; the lock of one that dies is free."""
        fcntl.lockf(self.fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN)

    def _is_whole(self) -> bool:
        head = os.pread(self.fd, _HEAD.size, 0)
        return len(head) == _HEAD.size and _HEAD.unpack(head)[0] > 0

    def _fill(self, data: Data) -> None:
        """Head, index, arrays; the index is all that is no array, and where each array lies."""
        arrays, rest = _apart(data)
        places, end = [], 0
        for name, array in arrays.items():
            if array.dtype.hasobject:
                raise UnsharedError(name)
            places.append((name, array.dtype.str, array.shape, end))
            end += _whole_lines(array.nbytes)
        index = json.dumps({"rest": rest, "arrays": places}).encode()
        first = _whole_lines(_HEAD.size + len(index))
        os.ftruncate(self.fd, 0)
        os.ftruncate(self.fd, first + end)
        self._write(index, _HEAD.size)
        for (*_, start), array in zip(places, arrays.values(), strict=True):
            self._write(array.reshape(-1).view(np.uint8).data, first + start)
        self._write(_HEAD.pack(len(index)), 0)

    def _write(self, content: bytes | memoryview, at: int) -> None:
        while content:
            done = os.pwrite(self.fd, content, at)
            content, at = content[done:], at + done

    def _content(self) -> Data:
        room = mmap.mmap(self.fd, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        length = _HEAD.unpack(room[: _HEAD.size])[0]
        index = json.loads(room[_HEAD.size : _HEAD.size + length])
        first = _whole_lines(_HEAD.size + length)
        arrays = {
            name: np.frombuffer(room, dtype, math.prod(shape), first + start).reshape(shape)
            for name, dtype, shape, start in index["arrays"]
        }
        return _together(arrays, index["rest"])


def _apart(data: Data) -> tuple[Arrays, dict[str, Any]]:
    """The arrays by name, those of dictionaries as field/key; and all that is none."""
    arrays: Arrays = {}
    rest: dict[str, Any] = {}
    for field in fields(data):
        value = getattr(data, field.name)
        if isinstance(value, np.ndarray):
            arrays[field.name] = np.ascontiguousarray(value)
        elif isinstance(value, dict):
            arrays |= {f"{field.name}/{key}": np.ascontiguousarray(each) for key, each in value.items()}
            rest[field.name] = {}
        else:
            rest[field.name] = value
    return arrays, rest


def _together(arrays: Arrays, rest: Mapping[str, Any]) -> Data:
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in rest.items()
    }
    for name, array in arrays.items():
        field, _, key = name.partition("/")
        if key:
            given[field][key] = array
        else:
            given[field] = array
    return Data(**given)


class Rooms:
    """The rooms of one run, of which that asked for last stays open: fleets of a data set follow each other."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._of: str | None = None
        self._fd: int | None = None

    @contextlib.contextmanager
    def room(self, dataset: str) -> Iterator[Room | None]:
        """The room of a data set, to be handed to a child meanwhile; None where there are no rooms."""
        with self._changing:
            room = self._opened(dataset) if POSSIBLE else None
        try:
            yield room
        finally:
            if room:
                os.close(room.fd)

    def __enter__(self) -> "Rooms":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the memory to the children that have it."""
        with self._changing:
            self._close()

    def _opened(self, dataset: str) -> Room | None:
        try:
            if self._of != dataset:
                self._close()
                self._fd = os.memfd_create("klsweep-data")
                self._of = dataset
            assert self._fd is not None
            return Room(os.dup(self._fd))
        except OSError:  # forbidden here, or too many files are open
            return None

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._of = self._fd = None


def _received(duplicate: Any) -> Room:
    return Room(duplicate.detach())


def _whole_lines(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED
