import os
import signal
import threading
import time

import fake_works
import pytest

from klsweep.errors import DeviceError, Interrupted, StoreError
from klsweep.result import Status
from klsweep.running.events import Began, EpochDone, FleetStarted
from klsweep.running.plan import plan
from klsweep.running.status import standing
from klsweep.store import Store


def trained(go):
    """(fleet, members) in the order in which they were trained."""
    path = go.results / "trained.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(fleet, int(members)) for fleet, members in map(str.split, lines)]


def test_running_again_trains_nothing(go, sweep):
    first = go(sweep(range(4)), fake_works.obedient)
    before = {path: path.read_bytes() for path in (go.results / "fake" / "jobs").rglob("*") if path.is_file()}
    again = go(sweep(range(4)), fake_works.obedient)
    assert (first.trained, again.trained) == (4, 0)
    assert again.exit_code == 0
    assert len(trained(go)) == 1
    assert {path: path.read_bytes() for path in before} == before


def test_a_changed_spec_adds_its_jobs_names_the_orphans_and_deletes_nothing(go, sweep):
    go(sweep([0, 1]), fake_works.obedient)
    summary = go(sweep([1, 2]), fake_works.obedient)
    assert (summary.jobs, summary.trained, summary.exit_code) == (2, 1, 0)
    store = Store(summary.path)
    assert {record.job["seed"] for record in store.records()} == {0, 1, 2}
    orphan = next(record.job_id for record in store.records() if record.job["seed"] == 0)
    assert f"1 results belong to no job of this spec and stay: {orphan}" in go.said()
    assert standing(store).orphans == 1


def test_a_damaged_result_is_done_again_in_its_own_fleet_and_the_others_stay(go, sweep):
    go(sweep(range(3)), fake_works.obedient)
    store = Store(go.results / "fake")
    victim, *others = (store.path / "jobs" / record.job_id / "result.json" for record in store.records())
    before = [path.read_bytes() for path in others]
    victim.write_bytes(victim.read_bytes()[:50])
    summary = go(sweep(range(3)), fake_works.obedient)
    assert summary.statuses == {Status.OK: 3}
    assert [path.read_bytes() for path in others] == before
    assert len(set(trained(go))) == 1, "the whole fleet, so that the result comes out of the same company"
    assert f"kept in {victim.parent.name}.corrupt" in go.said()


def test_failed_jobs_are_done_again_on_demand_only_and_diverged_ones_never(go, sweep):
    go(sweep([1, 13]), fake_works.diverges)
    (go.results / "fake").rename(go.results / "kept")
    go(sweep([1, 13]), fake_works.fails_until_mended)
    (go.results / "mended").touch()
    assert go(sweep([1, 13]), fake_works.fails_until_mended).exit_code == 1
    assert go(sweep([1, 13]), fake_works.fails_until_mended, retry_failed=True).exit_code == 0
    assert len(list(go.results.glob("fake/jobs/*.withdrawn/result.json"))) == 1

    (go.results / "fake").rename(go.results / "mended_sweep")
    (go.results / "kept").rename(go.results / "fake")
    summary = go(sweep([1, 13]), fake_works.obedient, retry_failed=True)
    assert (summary.trained, summary.exit_code) == (0, 1)
    assert summary.statuses == {Status.OK: 1, Status.DIVERGED: 1}


def test_a_limit_starts_whole_fleets_until_it_is_reached(go, sweep):
    four_fleets = sweep([0, 1], overrides=["latent_dim=2,3,4,5"])
    summary = go(four_fleets, fake_works.obedient, limit=3)
    assert (summary.trained, summary.missing, summary.unfinished, summary.exit_code) == (4, 4, 0, 0)
    assert go(four_fleets, fake_works.obedient).trained == 4


def test_threads_and_workers_depend_on_the_whole_sweep_and_not_on_what_is_left(go, sweep):
    fleets = sweep([0, 1], overrides=["latent_dim=2,3"])
    go(fleets, fake_works.obedient, limit=1, workers=None)
    (first,) = [event for event in go.heard if isinstance(event, Began)]
    go(fleets, fake_works.obedient, workers=None)
    (second,) = [event for event in go.heard if isinstance(event, Began)]
    assert (first.workers, first.threads) == (second.workers, second.threads)


def test_what_cannot_be_done_is_told_before_anything_is_touched(go, sweep):
    with pytest.raises(DeviceError, match=r"--workers 9999.*allowed: 1 to"):
        go(sweep([0]), fake_works.obedient, workers=9999)
    assert not go.results.exists()


def test_a_wish_for_too_many_workers_withdraws_no_failed_results(go, sweep):
    go(sweep([13]), fake_works.raises)
    with pytest.raises(DeviceError):
        go(sweep([13]), fake_works.obedient, workers=9999, retry_failed=True)
    assert len(Store(go.results / "fake").records()) == 1


def test_the_standing_shows_what_runs_now_and_reading_it_disturbs_nothing(go, sweep):
    seen = []
    four = sweep([0, 1], overrides=["latent_dim=2,3"])

    def listen(event):
        if isinstance(event, FleetStarted):
            seen.append(standing(Store(go.results / "fake")))
            (go.results / "go").touch()

    go(four, fake_works.until_let_go, listen=listen)
    assert (seen[0].running, seen[0].missing, seen[0].jobs) == (2, 2, 4)
    after = standing(Store(go.results / "fake"))
    assert (after.running, after.missing, after.finished) == (0, 0, {Status.OK: 4})


def test_the_standing_quotes_the_last_line_of_every_error(go, sweep):
    standing_after = standing(Store(go(sweep([1, 13]), fake_works.raises).path))
    (error,) = standing_after.errors
    assert error.endswith("failed: RuntimeError: the guilty job is here: ünï\\udce9")


def test_an_estimate_comes_from_finished_jobs_of_the_same_shape(go, sweep):
    """2 s for 36 steps of one job, as `fake_works` claims: twice the epochs take twice as long."""
    path = go.results / "fake"
    assert plan(sweep([0, 1]), Store(path), device="cpu").estimate_seconds is None
    go(sweep([0, 1]), fake_works.obedient)
    assert plan(sweep([0, 1]), Store(path), device="cpu").estimate_seconds == 0
    longer = plan(sweep([0, 1], overrides=["train.epochs=6"]), Store(path), device="cpu")
    steps = longer.missing[0].train.length(longer.sweep.facts_of(longer.missing[0]).sizes[0]).steps
    assert longer.estimate_seconds == pytest.approx(2 * 2.0 * steps / 36)
    other = plan(sweep([0], overrides=["latent_dim=9"]), Store(path), device="cpu")
    assert other.estimate_seconds is None


def test_metrics_asked_of_jobs_that_are_done_are_told_not_to_be_there(go, sweep):
    go(sweep([0, 1]), fake_works.obedient)
    summary = go(sweep([0, 1], overrides=["metrics=iw_bound"]), fake_works.obedient)
    (note,) = [note for note in summary.notes if "iw_bound" in note]
    assert note == (
        "2 finished jobs lack iw_bound as this spec asks for it: "
        f"klsweep measure {summary.path} --metric iw_bound"
    )


def test_a_result_withdrawn_by_another_run_is_missing_at_the_end(go, sweep):
    first = go(sweep([0]), fake_works.obedient)
    store = Store(first.path)
    (record,) = store.records()

    def withdraw(event: object) -> None:
        if isinstance(event, Began):
            store.withdraw(record.job_id)

    summary = go(sweep([0, 1]), fake_works.obedient, listen=withdraw)
    assert (summary.trained, summary.elsewhere, summary.missing) == (1, 0, 1)
    assert summary.exit_code == 1


def test_an_exception_in_this_process_comes_out_naked(go, sweep):
    with pytest.raises(RuntimeError, match="guilty"):
        go(sweep([1, 13]), fake_works.raises, backend="inline")
    assert not Store(go.results / "fake").records(), "nothing is recorded: the exception is the news"
    assert go(sweep([1, 13]), fake_works.obedient, backend="inline").exit_code == 0
    assert not list((go.results / "fake" / "work").glob("*/"))


def send(number, times=1):
    """Signal this process as soon as something has trained for three epochs."""
    sent = []

    def listen(event):
        if isinstance(event, EpochDone) and event.epoch == 3 and not sent:
            sent.append(number)
            for _ in range(times):
                os.kill(os.getpid(), number)

    return listen


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_once_to_stop_fleets_keep_a_checkpoint_and_no_new_one_starts(go, sweep, number, workers):
    before = signal.getsignal(number)
    started = time.monotonic()
    many = sweep([0], overrides=["latent_dim=2,3,4,5"])
    summary = go(many, fake_works.until_stopped, listen=send(number), workers=workers)
    assert summary.exit_code == 128 + number
    assert summary.missing == 4
    begun = list((summary.path / "work").glob("*/"))
    assert 1 <= len(begun) <= workers
    assert all((folder / "checkpoint").exists() for folder in begun)
    assert time.monotonic() - started < 5
    assert signal.getsignal(number) is before
    assert not Store(summary.path).work.jobs_under_way()


def test_asked_twice_to_stop_it_ends_at_once(go, sweep, monkeypatch):
    def listen(event):
        if isinstance(event, FleetStarted):
            threading.Thread(target=twice, daemon=True).start()

    def twice():
        while not list(go.results.glob("pids/[0-9]*")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    summary = go(sweep([0]), fake_works.deaf, listen=listen)
    assert summary.exit_code == 130
    assert summary.seconds < 10
    pids = [int(path.name) for path in (go.results / "pids").iterdir()]
    assert not any(map(fake_works.alive, pids))


def test_a_fleet_that_does_not_stop_in_its_grace_is_ended(go, sweep, monkeypatch):
    monkeypatch.setattr("klsweep.running.supervise.GRACE_SECONDS", 0.3)

    def listen(event):
        if isinstance(event, FleetStarted):
            os.kill(os.getpid(), signal.SIGTERM)

    summary = go(sweep([0]), fake_works.deaf, listen=listen)
    assert (summary.exit_code, summary.missing) == (143, 1)
    assert summary.seconds < 10


def test_in_this_process_the_first_request_waits_for_the_epoch_and_the_second_does_not(go, sweep):
    two = sweep([0], overrides=["latent_dim=2,3"])
    summary = go(two, fake_works.until_stopped, listen=send(signal.SIGINT), backend="inline")
    assert (summary.exit_code, summary.missing) == (130, 2)
    with pytest.raises(KeyboardInterrupt):
        go(two, fake_works.until_stopped, listen=send(signal.SIGINT, times=2), backend="inline")


def test_a_run_in_another_thread_leaves_signals_alone(go, sweep):
    summaries = []
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: summaries.append(go(sweep([0]), fake_works.obedient)))
    thread.start()
    thread.join(30)
    assert summaries[0].exit_code == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_what_interrupted_fleets_left_is_removed_when_no_fleet_will_take_it_up(go, sweep):
    go(sweep([0]), fake_works.until_stopped, listen=send(signal.SIGINT))
    work = Store(go.results / "fake").work
    assert len(list(work.path.glob("*/checkpoint"))) == 1
    go(sweep([5]), fake_works.obedient)
    assert not work.fleets()


def test_jobs_of_a_torn_fleet_are_not_counted_as_skipped_as_well(go, sweep):
    go(sweep([0, 1]), fake_works.obedient)
    next(go.results.glob("fake/jobs/*/result.json")).write_bytes(b"")
    go(sweep([0, 1]), fake_works.obedient)
    (began,) = (event for event in go.heard if isinstance(event, Began))
    assert (began.jobs, began.skipped) == (2, 0)


def test_being_interrupted_is_no_mistake_of_the_user():
    assert not issubclass(Interrupted, StoreError)
