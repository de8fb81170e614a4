"""What a disk may hold after the power went: recorded writes, replayed as far as the disk had promised.

Of what a program did before the power went, a disk has for certain what was flushed: the content of a file after
fsync of the file, the names in a directory after fsync of the directory. Of everything later it has any part: a file
may be empty or half there, and of two names given one after the other the second may be there and the first not.
"""

import io
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

Inode = int


@dataclass
class Name:
    """An entry of a directory given to an inode, or taken away where that is None; a rename is two at once."""

    changes: tuple[tuple[Inode, str, Inode | None], ...]


@dataclass
class Flushed:
    """The content of a file as it was flushed."""

    inode: Inode
    content: bytes


@dataclass
class Settled:
    """The names in a directory, as they are by now, were flushed."""

    directory: Inode


@dataclass
class Recording:
    """What was there before, and what was done since."""

    root: Path
    entries: dict[Inode, dict[str, Inode]] = field(default_factory=dict)  # of directories, as they are by now
    before: dict[Inode, dict[str, Inode]] = field(default_factory=dict)
    contents: dict[Inode, bytes] = field(default_factory=dict)
    steps: list[Name | Flushed | Settled] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._scan(self.root, 0)
        self.before = {inode: dict(names) for inode, names in self.entries.items()}

    def _scan(self, path: Path, inode: Inode) -> None:
        if path.is_file():
            self.contents[inode] = path.read_bytes()
            return
        self.entries[inode] = {}
        for each in path.iterdir():
            self.entries[inode][each.name] = next(self.numbers)
            self._scan(each, self.entries[inode][each.name])

    def at(self, path: Path) -> tuple[Inode, str]:
        """The directory that a path lies in, and its name there."""
        inode = 0
        *folders, name = path.relative_to(self.root).parts
        for folder in folders:
            inode = self.entries[inode][folder]
        return inode, name

    def inode(self, path: Path) -> Inode:
        if path == self.root:
            return 0
        directory, name = self.at(path)
        return self.entries[directory][name]

    def name(self, *changes: tuple[Inode, str, Inode | None]) -> None:
        self.steps.append(Name(changes))
        _apply(self.entries, changes)


def _apply(entries: dict[Inode, dict[str, Inode]], changes) -> None:
    for directory, name, inode in changes:
        if inode is None:
            entries.get(directory, {}).pop(name, None)
        else:
            entries.setdefault(directory, {})[name] = inode


def _absolute(path, dir_fd=None) -> Path:
    if isinstance(path, int):
        return Path(f"/proc/self/fd/{path}").readlink()
    base = Path.cwd() if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}").readlink()
    return base / os.fspath(path)


@contextmanager
def recorded(root: Path) -> Iterator[Recording]:
    """Record what happens below `root`."""
    record = Recording(root)
    real = {
        name: getattr(os, name) for name in ("mkdir", "rename", "replace", "link", "unlink", "rmdir", "fsync")
    }
    real_open = io.open

    def inside(path: Path) -> bool:
        return path == root or root in path.parents

    def opened(path, mode="r", *args, **kwargs):
        file = real_open(path, mode, *args, **kwargs)
        if isinstance(path, str | os.PathLike) and inside(_absolute(path)) and set(mode) & set("wxa+"):
            assert "x" in mode or "a" in mode, f"{path} was opened to be overwritten"
            directory, name = record.at(_absolute(path))
            if name not in record.entries[directory]:
                record.name((directory, name, next(record.numbers)))
        return file

    def mkdir(path, *args, **kwargs):
        real["mkdir"](path, *args, **kwargs)
        if inside(_absolute(path)):
            directory, name = record.at(_absolute(path))
            inode = next(record.numbers)
            record.name((directory, name, inode))
            record.entries[inode] = {}

    def moving(which):
        def move(source, target, **kwargs):
            real[which](source, target, **kwargs)
            inode = record.inode(_absolute(source))
            gone = () if which == "link" else ((*record.at(_absolute(source)), None),)
            record.name(*gone, (*record.at(_absolute(target)), inode))

        return move

    def removing(which):
        def remove(path, *, dir_fd=None):
            place = _absolute(path, dir_fd)
            real[which](path, dir_fd=dir_fd)
            if inside(place):
                record.name((*record.at(place), None))

        return remove

    def fsync(handle):
        real["fsync"](handle)
        place = _absolute(handle)
        if inside(place):
            if place.is_dir():
                record.steps.append(Settled(record.inode(place)))
            else:
                content = place.read_bytes()
                record.contents[record.inode(place)] = content
                record.steps.append(Flushed(record.inode(place), content))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(io, "open", opened)
        patched.setattr(os, "mkdir", mkdir)
        patched.setattr(os, "fsync", fsync)
        for which in ("rename", "replace", "link"):
            patched.setattr(os, which, moving(which))
        for which in ("unlink", "rmdir"):
            patched.setattr(os, which, removing(which))
        yield record


def disks(record: Recording, done: int) -> Iterator[tuple[str, dict[Path, bytes | None]]]:
    """What the disk may hold where the power went after `done` steps: content by path, None for a folder."""
    steps = record.steps[:done]
    names = [(index, step) for index, step in enumerate(steps) if isinstance(step, Name)]
    open_names = [index for index, step in names if not _is_settled(step, steps[index:])]
    flushed = {step.inode for step in steps if isinstance(step, Flushed)}
    known = {inode for names_ in record.before.values() for inode in names_.values()}
    kept_sets = {frozenset(), frozenset(open_names)}
    kept_sets |= {frozenset([one]) for one in open_names}
    kept_sets |= {frozenset(open_names) - {one} for one in open_names}
    for kept, share in itertools.product(sorted(kept_sets, key=sorted), (0.0, 0.5)):
        entries = {inode: dict(names_) for inode, names_ in record.before.items()}
        for index, step in names:
            if index in kept or index not in open_names:
                _apply(entries, step.changes)
        tree: dict[Path, bytes | None] = {}
        _walk(Path(), 0, entries, tree, _contents(record, flushed | known, share))
        yield (
            f"after {done} steps, names {sorted(kept)} of {open_names} kept, {share:.0%} of open files",
            tree,
        )


def _is_settled(step: Name, later) -> bool:
    settled = {each.directory for each in later if isinstance(each, Settled)}
    return all(directory in settled for directory, _, _ in step.changes)


def _contents(record: Recording, certain: set[Inode], share: float) -> dict[Inode, bytes]:
    return {
        inode: content if inode in certain else content[: int(len(content) * share)]
        for inode, content in record.contents.items()
    }


def _walk(path: Path, inode: Inode, entries, tree, contents) -> None:
    for name, child in entries.get(inode, {}).items():
        if child in contents:
            tree[path / name] = contents[child]
        elif child in entries or child not in contents:
            tree[path / name] = None
            _walk(path / name, child, entries, tree, contents)


def put(tree: dict[Path, bytes | None], root: Path) -> None:
    """Make it so."""
    root.mkdir()
    for path, content in tree.items():
        if content is None:
            (root / path).mkdir(exist_ok=True)
        else:
            (root / path).write_bytes(content)
