import errno
import os
import stat
from pathlib import Path

import pytest

from klsweep.errors import StoreError
from klsweep.store import atomic


def no_links(*_):
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_the_first_to_create_a_file_wins_and_leaves_nothing_else(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    assert atomic.create(tmp_path / "f", b"first")
    assert not atomic.create(tmp_path / "f", b"second")
    assert (tmp_path / "f").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_writing_replaces_what_was_there(tmp_path):
    atomic.write(tmp_path / "f", b"old")
    atomic.write(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("put", [atomic.write, atomic.create])
def test_the_content_and_then_the_directory_are_flushed_to_disk(tmp_path, monkeypatch, put):
    flushed = []
    real = os.fsync

    def recorded(handle):
        kind = "directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        flushed.append((kind, (tmp_path / "f").exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", recorded)
    put(tmp_path / "f", b"x")
    assert flushed == [("file", False), ("directory", True)]


@pytest.mark.parametrize("put", [atomic.write, atomic.create])
def test_a_full_disk_leaves_neither_the_file_nor_a_temporary(tmp_path, monkeypatch, put):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        put(tmp_path / "f", b"x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "make some"), (errno.EDQUOT, "make some"), (errno.EROFS, "--results DIR")],
)
def test_what_keeps_us_from_writing_names_the_place_the_cause_and_the_way_out(number, advice):
    with pytest.raises(StoreError, match=advice) as caught, atomic.writing_to(Path("/some/results")):
        raise OSError(number, os.strerror(number))
    assert "/some/results" in str(caught.value)
    assert os.strerror(number) in str(caught.value)
