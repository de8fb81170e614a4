"""A real process dies at every call into the system while it writes; what it leaves is whole, or as if never begun."""

import subprocess
import sys
from pathlib import Path

import dying_commits
import numpy as np
import pytest

from klsweep.store import Store, checkpoint
from klsweep.store.atomic import TEMPORARY


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Stores of an operation, each killed one call later; the last one was let live."""

    def at_every_call(operation: str) -> list[Store]:
        place = tmp_path_factory.mktemp(operation)
        script = [sys.executable, dying_commits.__file__, str(place), operation]
        done = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        found = sorted((int(path.name), path) for path in place.iterdir())
        assert [number for number, _ in found] == list(range(len(found)))
        return [Store(path / "sweep") for _, path in found]

    return at_every_call


def seeds(store: Store) -> set[int]:
    return {record.job["seed"] for record in Store(store.path).records()}


def halve_what_is_not_whole(store: Store) -> int:
    """As if the kill had come in the middle of a write."""
    halved = 0
    for path in [each for each in store.path.rglob("*") if TEMPORARY in str(each.relative_to(store.path))]:
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            halved += 1
    return halved


def test_a_commit_killed_at_any_call_leaves_a_whole_result_or_none(killed):
    stores = killed("commit")
    first = dying_commits.result(9)
    kept = (stores[0].path / "jobs" / first.job_id / "result.json").read_bytes()
    outcomes, halved = [], 0
    for store in stores:
        halved += halve_what_is_not_whole(store)
        assert seeds(store) in ({9}, {9, 1})
        outcomes.append(1 in seeds(store))
        assert not Store(store.path).problems()
        store.sweep_temporaries(older_than=0)
        store.refreshed().set_aside_damaged()
        assert not list(store.path.rglob(f"*{TEMPORARY}*"))
        assert store.refreshed().commit(dying_commits.result(1)) is not outcomes[-1]
        again = Store(store.path)
        assert seeds(again) == {9, 1}
        assert not again.problems()
        assert len(again.curve(dying_commits.result(1).job_id)) == 3
        assert (store.path / "jobs" / first.job_id / "result.json").read_bytes() == kept
    assert len(stores) > 40, "the commit was over before it was killed anywhere"
    assert outcomes == sorted(outcomes), "once it counts, it counts"
    assert outcomes.count(True) > 3
    assert halved > 10


def test_measures_killed_at_any_call_are_the_old_or_the_new_and_the_result_stays(killed):
    for store in killed("measures"):
        halve_what_is_not_whole(store)
        (record,) = Store(store.path).records()
        assert record.measures in ({}, dying_commits.PROBE)
        assert not Store(store.path).problems()


def test_a_plan_killed_at_any_call_is_the_old_or_the_new(killed):
    lengths = [len(Store(store.path).work.plan()["fleet"]) for store in killed("plan")]
    assert set(lengths) == {1, 2}
    assert lengths == sorted(lengths)


def test_a_checkpoint_killed_at_any_call_is_the_old_or_the_new(killed):
    epochs = []
    for store in killed("checkpoint"):
        halve_what_is_not_whole(store)
        tensors, notes = checkpoint.load(store.work.fleet("fleet").path)
        assert np.all(tensors["w"] == notes["epoch"] - 1)
        epochs.append(notes["epoch"])
    assert set(epochs) == {1, 2}
    assert epochs == sorted(epochs)


def test_a_withdrawal_killed_at_any_call_loses_no_content(killed):
    stores = killed("withdraw")
    content = None
    for store in stores:
        (path,) = Path(store.path / "jobs").rglob("result.json*")
        content = content or path.read_bytes()
        assert path.read_bytes() == content
    assert {len(seeds(store)) for store in stores} == {0, 1}
