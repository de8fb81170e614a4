import time

import numpy as np
import pytest

from klsweep.errors import StoreError
from klsweep.store import Store, checkpoint, folder, sweeps


def test_reading_a_sweep_writes_nothing(store, make):
    store.commit(make())
    before = {path: path.stat().st_mtime_ns for path in store.path.rglob("*")}
    time.sleep(0.01)
    (read,) = sweeps(store.path)
    assert read.records()
    (
        read.curve(make().job_id),
        read.arrays(make().job_id),
        read.work.plan(),
        read.problems(),
        read.work.jobs_under_way(),
    )
    assert {path: path.stat().st_mtime_ns for path in store.path.rglob("*")} == before


def test_the_sweeps_of_a_results_directory_are_found_from_either_place(tmp_path):
    for name in ("b", "a"):
        Store.open(tmp_path, name)
    (tmp_path / "neither").mkdir()
    assert [each.name for each in sweeps(tmp_path)] == ["a", "b"]
    assert [each.name for each in sweeps(tmp_path / "b")] == ["b"]


def test_a_sweep_named_jobs_hides_no_other(tmp_path):
    for name in ("jobs", "other"):
        Store.open(tmp_path, name)
    assert [each.name for each in sweeps(tmp_path)] == ["jobs", "other"]


def test_a_place_without_sweeps_says_how_to_make_one(tmp_path):
    with pytest.raises(StoreError, match=r"holds no sweep: .*klsweep run SPEC --results DIR"):
        sweeps(tmp_path)
    with pytest.raises(StoreError, match="does not exist"):
        sweeps(tmp_path / "nowhere")


def test_folders_that_no_fleet_will_take_up_are_removed(store):
    for name in ("gone", "kept"):
        with store.work.fleet(name).logging() as log:
            log(b"still here")
    store.work.clear_fleets_but({"kept"})
    assert sorted(path.name for path in store.work.path.glob("*/")) == ["kept"]
    assert store.work.fleet("kept").log_tail() == "still here"


def test_a_log_never_grows_beyond_its_bytes_and_keeps_the_newest(store, monkeypatch):
    monkeypatch.setattr(folder, "LOG_BYTES", 100_000)
    lines = [b"%06d\n" % number for number in range(100_000)]
    with store.work.fleet("f").logging() as log:
        for start in range(0, len(lines), 1000):
            log(b"".join(lines[start : start + 1000]))
            assert store.work.fleet("f").log.stat().st_size <= 100_000
    kept = store.work.fleet("f").log.read_bytes().splitlines(keepends=True)
    assert kept[0] == folder.CUT
    assert kept[-5000:] == lines[-5000:]
    assert kept.count(folder.CUT) == 1


def test_a_log_goes_on_where_it_was(store):
    for words in (b"first ", b"second"):
        with store.work.fleet("f").logging() as log:
            log(words)
    assert store.work.fleet("f").log_tail() == "first second"


def test_the_tail_of_a_log_is_its_end_whatever_bytes_it_holds(store):
    fleet = store.work.fleet("f")
    assert fleet.log_tail() == ""
    fleet.path.mkdir()
    fleet.log.write_bytes(b"\xff\xfe" * 1_000_000 + b"the end\n")
    assert fleet.log_tail().endswith("the end")
    assert len(fleet.log_tail()) < 5000


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_plan_is_no_plan(store, content):
    (store.work.path / "plan.json").write_bytes(content)
    assert store.work.plan() == {}


TENSORS = {
    "parameter/w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "curve": np.array([[0.1]]),
    "step": np.array(3.0),
}


def test_a_checkpoint_comes_back_to_the_bit(tmp_path):
    notes = {"jobs": ["a", "b"], "epoch": 3, "seconds": 0.1 + 0.2, "text": "ü\"'"}
    checkpoint.save(tmp_path, {"old": np.zeros(3)}, {})
    checkpoint.save(tmp_path, TENSORS, notes)
    tensors, read = checkpoint.load(tmp_path)
    assert read == notes
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert (tensors[name].dtype, tensors[name].shape) == (tensor.dtype, tensor.shape)
        np.testing.assert_array_equal(tensors[name], tensor)


def test_a_checkpoint_that_is_not_whole_is_ignored(tmp_path):
    checkpoint.save(tmp_path, TENSORS, {"epoch": 1})
    content = (tmp_path / "checkpoint").read_bytes()
    for size in range(len(content)):
        (tmp_path / "checkpoint").write_bytes(content[:size])
        assert checkpoint.load(tmp_path) is None
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x10
        (tmp_path / "checkpoint").write_bytes(changed)
        assert checkpoint.load(tmp_path) is None
    (tmp_path / "checkpoint").unlink()
    assert checkpoint.load(tmp_path) is None
