"""Data that one process loads and all others of the machine read."""

import multiprocessing
import os
import signal
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from klsweep import api
from klsweep.data import Data
from klsweep.result import Status
from klsweep.running import rooms
from klsweep.running.events import Event, FleetEnded
from klsweep.running.rooms import Room, Rooms

pytestmark = pytest.mark.skipif(not rooms.POSSIBLE, reason="this system has no memory without a name")

FORK = multiprocessing.get_context("fork")
SPAWN = multiprocessing.get_context("forkserver")


def made(size: int = 50) -> Data:
    """One of each: an array of another layout, an empty one, labels, factors, words."""
    rng = np.random.default_rng(0)
    split = [rng.random((n, 1, 3, 5), np.float32) for n in (size, 7, 0)]
    split[1] = np.asfortranarray(split[1])
    factors = {"train": rng.integers(0, 3, (size, 2))}
    return Data(
        *split,
        labels={"train": np.array(["a", "bc"])},
        factors=factors,
        factor_names=("x", "y"),
        words=("ä", "b"),
    )


def same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return one == other


def never() -> Data:
    raise AssertionError("the data are there")


def test_what_is_read_is_what_was_loaded_and_loaded_once() -> None:
    with Rooms() as those, those.room("a") as room:
        assert room
        first = room.data(made)
        second = room.data(never)
        for data in (first, second):
            for field in fields(Data):
                assert same(getattr(data, field.name), getattr(made(), field.name)), field.name


def test_who_writes_to_the_data_writes_to_its_own() -> None:
    with Rooms() as those, those.room("a") as room:
        assert room
        mine = room.data(made)
        mine.train[:] = 7
        assert np.array_equal(room.data(never).train, made().train)


def test_one_data_set_has_one_room_and_another_has_another() -> None:
    with Rooms() as those:
        for dataset, load in (("a", made), ("a", never), ("b", lambda: made(3)), ("b", never)):
            with those.room(dataset) as room:
                assert room
                assert len(room.data(load).train) == (50 if dataset == "a" else 3)


def _read(room: Room, log: Path) -> None:
    def load() -> Data:
        with log.open("a") as file:
            file.write("loaded\n")
        time.sleep(0.2)
        return made()

    assert same(room.data(load).train, made().train)


def test_of_many_children_at_once_a_single_one_loads(tmp_path: Path) -> None:
    with Rooms() as those:
        children = []
        for _ in range(4):
            with those.room("a") as room:
                child = SPAWN.Process(target=_read, args=(room, tmp_path / "log"))
                child.start()
                children.append(child)
        for child in children:
            child.join()
            assert child.exitcode == 0
    assert (tmp_path / "log").read_text() == "loaded\n"


def _die_in_the_midst(room: Room) -> None:
    write = os.pwrite

    def fatal(fd: int, content: bytes, at: int) -> int:
        write(fd, content[: len(content) // 2], at)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    rooms.os.pwrite = fatal  # type: ignore[attr-defined]
    room.data(made)


def test_a_child_killed_while_it_fills_the_room_leaves_it_to_the_next() -> None:
    with Rooms() as those, those.room("a") as room:
        assert room
        dying = FORK.Process(target=_die_in_the_midst, args=(room,))
        dying.start()
        dying.join()
        assert dying.exitcode == -signal.SIGKILL
        assert same(room.data(made).train, made().train)
        assert same(room.data(never).train, made().train)


def test_without_memory_to_share_the_data_are_loaded_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with Rooms() as those, those.room("a") as room:
        assert room
        monkeypatch.setattr(os, "pwrite", full)
        assert same(room.data(made).train, made().train)


def test_where_such_memory_is_forbidden_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: str) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "memfd_create", forbidden)
    with Rooms() as those:
        for dataset in ("a", "a", "b"):
            with those.room(dataset) as room:
                assert room is None


def test_what_only_one_process_can_have_is_loaded_by_each() -> None:
    def load() -> Data:
        return replace(made(), labels={"train": np.array([{}, ()], object)})

    with Rooms() as those, those.room("a") as room:
        assert room
        assert all(same(room.data(load).labels, load().labels) for _ in range(2))


def test_the_second_fleet_of_a_run_needs_no_file_any_more(tmp_path: Path) -> None:
    """A real run, of which one child after another trains; the file is gone when the first has ended."""
    file = tmp_path / "x.npy"
    np.save(file, np.random.default_rng(0).random((60, 1, 8, 8), np.float32))
    spec = tmp_path / "two.yaml"
    spec.write_text(
        f"fixed: {{dataset: {{kind: npy, path: {file}}}, beta: 1, train: {{epochs: 1}}}}\n"
        "grid: {latent_dim: [1, 2]}\nmetrics: []\n"
    )

    def listen(event: Event) -> None:
        if isinstance(event, FleetEnded):
            file.unlink(missing_ok=True)

    assert api.run(spec, results=tmp_path / "results", device="cpu", workers=1, listen=listen).statuses == {
        Status.OK: 2
    }


def test_nothing_is_left_open_when_a_run_is_over() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Rooms() as those:
        for dataset in ("a", "b", "a"):
            with those.room(dataset) as room:
                assert room
                room.data(made)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
