import subprocess
import sys
import time

import numpy as np
import pytest

from klsweep.errors import StoreError
from klsweep.store import Store, checkpoint, sweeps

HOLD = """
import sys, time
from pathlib import Path
from klsweep.store import Store
with Store(Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def elsewhere(store):
    """Another process that holds the sweep."""
    with subprocess.Popen([sys.executable, "-c", HOLD, store.path], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_a_second_run_is_refused_while_the_first_goes_on_and_not_after_it_was_killed(store, elsewhere):
    assert store.is_held()
    with pytest.raises(StoreError, match="another klsweep run is using this sweep"), store.held():
        pass
    elsewhere.kill()
    elsewhere.wait()
    assert not store.is_held()
    with store.held():
        assert store.is_held()


def test_asking_whether_it_is_held_refuses_nobody(store):
    """A shell loop around `klsweep status` must not keep a run from starting."""
    question = "import sys; from pathlib import Path; from klsweep.store import Store\n" + (
        "store = Store(Path(sys.argv[1])); print(flush=True)\nwhile True: store.is_held()"
    )
    with subprocess.Popen([sys.executable, "-c", question, store.path], stdout=subprocess.PIPE) as asking:
        asking.stdout.readline()
        try:
            for _ in range(20):
                with store.held():
                    pass
        finally:
            asking.kill()


def test_reading_a_sweep_writes_nothing(store, make):
    store.commit(make())
    before = {path: path.stat().st_mtime_ns for path in store.path.rglob("*")}
    time.sleep(0.01)
    (read,) = sweeps(store.path)
    assert read.records()
    read.curve(make().job_id), read.arrays(make().job_id), read.plan(), read.problems(), read.jobs_under_way()
    assert {path: path.stat().st_mtime_ns for path in store.path.rglob("*")} == before


def test_the_sweeps_of_a_results_directory_are_found_from_either_place(tmp_path):
    for name in ("b", "a"):
        Store.open(tmp_path, name)
    (tmp_path / "neither").mkdir()
    assert [each.name for each in sweeps(tmp_path)] == ["a", "b"]
    assert [each.name for each in sweeps(tmp_path / "b")] == ["b"]


def test_a_place_without_sweeps_says_how_to_make_one(tmp_path):
    with pytest.raises(StoreError, match=r"holds no sweep: .*klsweep run SPEC --results DIR"):
        sweeps(tmp_path)
    with pytest.raises(StoreError, match="does not exist"):
        sweeps(tmp_path / "nowhere")


def test_jobs_are_under_way_while_their_fleet_trains_in_a_run_that_lives(store):
    with store.fleet("f").under_way(["a", "b"]):
        assert store.jobs_under_way() == set()  # nobody holds the sweep: the mark is of a killed run
        with store.held():
            assert store.jobs_under_way() == {"a", "b"}
    with store.held():
        assert store.jobs_under_way() == set()


def test_folders_that_no_fleet_will_take_up_are_removed(store):
    with store.fleet("gone").under_way(["a"]), store.fleet("kept").under_way(["b"]):
        store.fleet("kept").log.write_text("still here")
        store.clear_fleets_but({"kept"})
    assert sorted(path.name for path in store.work.glob("*/")) == ["kept"]
    assert store.fleet("kept").log_tail() == "still here"
    assert not store.fleet("kept").jobs_under_way()


def test_the_tail_of_a_log_is_its_end_whatever_bytes_it_holds(store):
    folder = store.fleet("f")
    assert folder.log_tail() == ""
    folder.path.mkdir()
    folder.log.write_bytes(b"\xff\xfe" * 1_000_000 + b"the end\n")
    assert folder.log_tail().endswith("the end")
    assert len(folder.log_tail()) < 5000


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_plan_is_no_plan(store, content):
    (store.work / "plan.json").write_bytes(content)
    assert store.plan() == {}


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
