"""What is too slow, stands still, or prints too much ends, alone, and is told apart from what failed."""

import time

import fake_works
import pytest

from klsweep.result import Status
from klsweep.running.events import FleetStarted
from klsweep.store import Store, folder

SEEDS = (12, 13)
FLEETS = ("latent_dim=2,3",)


def statuses(summary):
    return {record.job["seed"]: record.status for record in Store(summary.path).records()}


def test_a_job_that_takes_too_long_times_out_alone(go, sweep):
    """A fleet of two has twice the time of a job; the two alone have 1 s each, and one of them needs less."""
    summary = go(sweep(SEEDS, overrides=["run.timeout=1"]), fake_works.hangs)
    assert statuses(summary) == {12: Status.OK, 13: Status.TIMEOUT}
    assert summary.exit_code == 1
    (record,) = (each for each in Store(summary.path).records() if each.status is Status.TIMEOUT)
    assert record.error == "it took longer than its 1 s"
    assert record.row["status"] == "timeout"
    assert "longer than its 1 s of each of 2 jobs; it is halved" in go.said()
    assert "tried once more" not in go.said(), "it would only take as long again"


def test_a_job_that_falls_silent_times_out_alone_with_its_last_words(go, sweep):
    summary = go(sweep(SEEDS, overrides=["run.stall_timeout=1", "run.retries=0"]), fake_works.falls_silent)
    assert statuses(summary) == {12: Status.OK, 13: Status.TIMEOUT}
    (record,) = (each for each in Store(summary.path).records() if each.status is Status.TIMEOUT)
    assert record.error == "the last words\nit gave no sign of life for 1 s"


def test_a_process_that_somebody_stopped_stands_still_and_is_tried_again(go, sweep):
    summary = go(sweep(SEEDS, overrides=["run.stall_timeout=1"]), fake_works.stopped_once)
    assert statuses(summary) == dict.fromkeys(SEEDS, Status.OK)
    assert "no sign of life for 1 s; it is tried once more" in go.said()
    assert "halved" not in go.said()


def test_a_process_that_is_stopped_every_time_times_out_and_none_is_left(go, sweep):
    summary = go(sweep(SEEDS, overrides=["run.stall_timeout=1"]), fake_works.stopped)
    assert statuses(summary) == {12: Status.OK, 13: Status.TIMEOUT}


def test_signs_of_life_are_enough(go, sweep):
    summary = go(sweep(SEEDS, overrides=["run.stall_timeout=1"]), fake_works.slow_and_steady)
    assert statuses(summary) == dict.fromkeys(SEEDS, Status.OK)
    assert "sign of life" not in go.said()


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (3, 4)])
def test_a_process_that_dies_is_tried_again_as_often_as_is_asked(go, sweep, retries, attempts):
    summary = go(sweep([13], overrides=[f"run.retries={retries}"]), fake_works.killed)
    assert statuses(summary) == {13: Status.FAILED}
    assert sum(isinstance(event, FleetStarted) for event in go.heard) == attempts


def test_what_timed_out_is_done_again_on_demand(go, sweep):
    go(sweep([13], overrides=["run.timeout=1"]), fake_works.hangs)
    assert go(sweep([13], overrides=["run.timeout=1"]), fake_works.obedient).trained == 0
    again = go(sweep([13]), fake_works.obedient, retry_failed=True)
    assert statuses(again) == {13: Status.OK}
    assert (again.trained, again.exit_code) == (1, 0)


def test_a_flood_of_output_fills_its_log_and_nothing_else(go, sweep, monkeypatch):
    monkeypatch.setattr(folder, "LOG_BYTES", 1_000_000)
    sizes = []

    def listen(event):
        if isinstance(event, FleetStarted):
            time.sleep(0.3)  # the child prints on meanwhile, as far as its pipe goes
        sizes.extend(fleet.log.stat().st_size for fleet in Store(go.results / "fake").work.fleets())

    summary = go(sweep(SEEDS, overrides=["run.timeout=1"]), fake_works.prints_for_ever, listen=listen)
    assert statuses(summary) == {12: Status.OK, 13: Status.TIMEOUT}
    assert 0 < max(sizes) <= 1_000_000


def test_weights_are_kept_unless_the_spec_says_otherwise(go, sweep):
    from klsweep.running.task import train_fleet

    kept = go(sweep([0]), train_fleet)
    bare = go(sweep([1], overrides=["run.keep_weights=false"]), train_fleet)
    assert (kept.exit_code, bare.exit_code) == (0, 0)
    store = Store(bare.path)
    assert {each.job["seed"]: store.kept_weights(each.job_id) for each in store.records()} == {
        0: True,
        1: False,
    }
    assert len(list(store.path.glob("jobs/*/weights.safetensors"))) == 1


def test_weights_that_were_not_kept_cannot_be_measured_and_that_is_said(go, sweep):
    from klsweep.running.measuring import measure_sweep
    from klsweep.running.task import train_fleet

    bare = sweep([0], overrides=["run.keep_weights=false", "metrics=[]"])
    store = Store(go(bare, train_fleet).path)
    done = measure_sweep(store, sweep([0], overrides=["metrics=probe"]))
    assert done.measured == 0
    (note,) = done.notes
    assert "its weights were not kept: run.keep_weights was false" in note
