"""The power goes at any moment: what was reported as committed is there, and nothing is half there."""

import shutil

import dying_commits
import numpy as np
import power
import pytest

from klsweep.store import Store, checkpoint


def after_every_loss(record, place):
    """(how, whether all steps were done, the sweep as it is on the disk) of every state that a disk may be in."""
    for done in range(len(record.steps) + 1):
        for how, tree in power.disks(record, done):
            shutil.rmtree(place, ignore_errors=True)
            power.put(tree, place)
            yield how, done == len(record.steps), Store(place / "sweep")


def seeds(store):
    return {record.job["seed"] for record in store.records()}


@pytest.fixture
def prepared(tmp_path):
    (tmp_path / "results").mkdir()
    return dying_commits.prepared(tmp_path / "results")


def test_a_commit_is_whole_or_absent_and_there_for_good_once_it_has_returned(prepared, tmp_path):
    with power.recorded(prepared.path.parent) as record:
        assert prepared.commit(dying_commits.result(1))
    states = 0
    for how, done, store in after_every_loss(record, tmp_path / "disk"):
        states += 1
        assert not store.problems(), how
        assert seeds(store) in (({9, 1},) if done else ({9}, {9, 1})), how
        assert len(store.curve(dying_commits.result(9).job_id)) == 3, how
        store.sweep_temporaries(older_than=0)
        store.set_aside_damaged()
        store.refreshed().commit(dying_commits.result(1))
        assert seeds(store.refreshed()) == {9, 1}, how
    assert states > 100


def test_the_first_commit_of_a_new_sweep_is_there_once_it_has_returned(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    with power.recorded(results) as record:
        assert Store.open(results, "sweep").commit(dying_commits.result(1))
    for how, done, store in after_every_loss(record, tmp_path / "disk"):
        assert not store.problems(), how
        assert seeds(store) in (({1},) if done else (set(), {1})), how


@pytest.mark.parametrize("operation", ["plan", "checkpoint"])
def test_a_plan_and_a_checkpoint_are_the_old_or_the_new_and_the_new_after_return(
    prepared, tmp_path, operation
):
    with power.recorded(prepared.path.parent) as record:
        dying_commits.OPERATIONS[operation](prepared)
    for how, done, store in after_every_loss(record, tmp_path / "disk"):
        tensors, notes = checkpoint.load(store.work.fleet("fleet").path)
        assert np.all(tensors["w"] == notes["epoch"] - 1), how
        found = len(store.work.plan()["fleet"]) if operation == "plan" else notes["epoch"]
        assert found == 2 if done else found in (1, 2), how


def test_a_withdrawn_result_is_somewhere(prepared, tmp_path):
    content = next(prepared.path.rglob("result.json")).read_bytes()
    with power.recorded(prepared.path.parent) as record:
        dying_commits.OPERATIONS["withdraw"](prepared)
    for how, done, store in after_every_loss(record, tmp_path / "disk"):
        (found,) = store.path.rglob("result.json")
        assert found.read_bytes() == content, how
        assert seeds(store) in ((set(),) if done else (set(), {9})), how


def test_the_replay_catches_a_writer_that_does_not_flush(prepared, tmp_path, monkeypatch):
    """The witness of the others: with renames and no flushing, some disk has lost what was reported as committed."""
    monkeypatch.setattr("klsweep.store.atomic._sync_directory", lambda _: None)
    with power.recorded(prepared.path.parent) as record:
        assert prepared.commit(dying_commits.result(1))
    after = [seeds(store) for _, done, store in after_every_loss(record, tmp_path / "disk") if done]
    assert after
    assert any(found != {9, 1} for found in after)
