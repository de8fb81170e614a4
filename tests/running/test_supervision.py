import time

import fake_works
import pytest

from klsweep.errors import StoreError
from klsweep.result import Status
from klsweep.running.events import Began, EpochDone, FleetEnded, FleetStarted, JobDone
from klsweep.store import Store

SEEDS = (11, 12, 13, 14)


def by_seed(summary):
    return {record.job["seed"]: record for record in Store(summary.path).records()}


def statuses(summary):
    return {seed: record.status for seed, record in by_seed(summary).items()}


ONLY_13_FAILED = dict.fromkeys(SEEDS, Status.OK) | {13: Status.FAILED}
ALL_OK = dict.fromkeys(SEEDS, Status.OK)


def test_a_job_that_kills_its_process_every_time_is_found_and_fails_alone(go, sweep):
    summary = go(sweep(SEEDS), fake_works.killed)
    assert statuses(summary) == ONLY_13_FAILED
    assert summary.exit_code == 1
    error = by_seed(summary)[13].error
    assert error.splitlines()[-1] == "its process was killed by SIGKILL (out of memory?)"
    assert "something went wrong in C" in error, "what it printed before it died is part of the error"
    assert go.said().count("tried once more") == 1
    assert go.said().count("halved") == 2
    assert not list(Store(summary.path).work.path.glob("*/")), "no folder is left of fleets that are done"


def test_a_process_that_dies_once_is_tried_again_and_nothing_fails(go, sweep):
    summary = go(sweep(SEEDS), fake_works.killed_once)
    assert statuses(summary) == ALL_OK
    assert summary.exit_code == 0
    assert "halved" not in go.said()


def test_a_process_that_somebody_else_ends_is_tried_again(go, sweep):
    summary = go(sweep(SEEDS), fake_works.told_to_end_once)
    assert statuses(summary) == ALL_OK
    assert summary.exit_code == 0
    assert "told to end by somebody else" in go.said()


def test_a_job_that_raises_fails_alone_with_its_traceback(go, sweep):
    summary = go(sweep(SEEDS), fake_works.raises)
    assert statuses(summary) == ONLY_13_FAILED
    error = by_seed(summary)[13].error
    assert error.startswith("Traceback (most recent call last)")
    assert "in raises" in error
    assert error.strip().splitlines()[-1] == "RuntimeError: the guilty job is here: ünï\\udce9"
    assert "tried once more" not in go.said(), "an exception is no accident: it would come again"


def test_a_failed_result_knows_its_settings_and_where_it_failed(go, sweep):
    record = by_seed(go(sweep(SEEDS), fake_works.raises))[13]
    assert record.row["seed"] == 13
    assert record.row["beta_norm"] == pytest.approx(0.1)
    assert record.row["input_dim"] == 64
    assert record.provenance.keys() >= {"klsweep", "host", "device"}


@pytest.mark.parametrize(
    ("work", "reason"),
    [(fake_works.leaves_without_a_word, "exit code 0"), (fake_works.exits, "exit code 3")],
)
def test_a_process_that_leaves_before_it_is_done_is_no_success(go, sweep, work, reason):
    summary = go(sweep(SEEDS), work)
    assert statuses(summary) == ONLY_13_FAILED
    assert reason in by_seed(summary)[13].error


def test_a_fleet_that_claims_to_be_done_and_is_not_ends_with_exit_code_1(go, sweep):
    summary = go(sweep(SEEDS), fake_works.commits_nothing)
    assert (summary.missing, summary.unfinished, summary.exit_code) == (4, 4, 1)


def test_what_a_process_prints_goes_to_its_log_and_not_to_the_terminal(go, sweep, capfd):
    summary = go(sweep(SEEDS), fake_works.floods)
    assert statuses(summary) == ONLY_13_FAILED
    assert "FLOOD" not in "".join(capfd.readouterr())
    assert "FLOOD" in by_seed(summary)[13].error
    assert len(by_seed(summary)[13].error) < 10_000


@pytest.mark.parametrize("work", [fake_works.disk_full, fake_works.disk_full_elsewhere])
def test_a_full_disk_ends_the_run_and_no_job_is_blamed(go, sweep, work):
    with pytest.raises(StoreError, match=r"No space left on device.*needs free space") as caught:
        go(sweep(SEEDS, overrides=["latent_dim=2,3"]), work)
    assert str(go.results) in str(caught.value)
    store = Store(go.results / "fake")
    assert {record.status for record in store.records()} <= {Status.OK}
    assert not store.work.is_held()
    assert not store.work.jobs_under_way()
    assert go(sweep(SEEDS, overrides=["latent_dim=2,3"]), fake_works.obedient).exit_code == 0


def test_work_that_no_process_can_be_given_is_an_error_at_once(go, sweep):
    def local(task, say, stopping):
        pass

    with pytest.raises((AttributeError, TypeError), match=r"(?i)pickle"):
        go(sweep(SEEDS), local)
    assert not Store(go.results / "fake").work.is_held()
    assert go(sweep(SEEDS), fake_works.obedient).exit_code == 0


def test_a_listener_that_raises_ends_the_run_and_its_children(go, sweep):
    def listen(event):
        if isinstance(event, EpochDone):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        go(sweep(SEEDS, overrides=["latent_dim=2,3"]), fake_works.until_stopped, listen=listen, workers=2)
    pids = [int(path.name) for path in (go.results / "pids").iterdir()]
    assert not any(map(fake_works.alive, pids))
    assert not Store(go.results / "fake").work.is_held()


def test_events_tell_the_whole_story(go, sweep):
    go(sweep(SEEDS), fake_works.killed)
    began = go.heard[0]
    assert isinstance(began, Began)
    assert (began.jobs, began.fleets, began.skipped, began.model_epochs) == (4, 1, 0, 12)
    done = [event for event in go.heard if isinstance(event, JobDone)]
    assert sorted((event.status for event in done), key=str) == [Status.FAILED, *[Status.OK] * 5]
    starts = [event for event in go.heard if isinstance(event, FleetStarted)]
    ends = [event for event in go.heard if isinstance(event, FleetEnded)]
    assert [event.fleet for event in starts] == [event.fleet for event in ends]
    assert [event.members for event in starts] == [4, 4, 2, 1, 1]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_listener_is_never_called_by_two_threads_at_once(go, sweep, workers):
    inside, clashes = [], []

    def listen(event):
        clashes.extend(inside)
        inside.append(event)
        time.sleep(0.002)
        inside.pop()

    go(sweep(SEEDS, overrides=["latent_dim=2,3,4,5"]), fake_works.obedient, listen=listen, workers=workers)
    assert not clashes


def test_the_server_of_children_may_die_between_fleets(go, sweep):
    import os
    import signal
    from multiprocessing import forkserver

    go(sweep(SEEDS), fake_works.obedient)
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    assert go(sweep(SEEDS, betas=[0.7]), fake_works.obedient).exit_code == 0


def test_a_fleet_that_runs_out_of_a_gpus_memory_is_halved_until_it_fits_and_nothing_fails(go, sweep):
    summary = go(sweep(range(8)), fake_works.fits_only_two)
    assert summary.statuses == {Status.OK: 8}
    assert summary.exit_code == 0
    starts = [event.members for event in go.heard if isinstance(event, FleetStarted)]
    assert starts == [8, 4, 2, 2, 4, 2, 2]
    assert "OutOfMemoryError: CUDA out of memory" in go.said()
