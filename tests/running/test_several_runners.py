"""Any number of runs on one directory: each job is trained once, and whoever dies is stood in for."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_works
import pytest
from test_interrupted_sweeps import PATIENCE, until

from klsweep.errors import KlsweepError, StoreError
from klsweep.result import Result, Status
from klsweep.running.events import DoneElsewhere, FleetStarted
from klsweep.running.fleets import Shard
from klsweep.running.plan import plan
from klsweep.running.status import standing
from klsweep.store import Store

RUN = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
import fake_works
from conftest import sweep_of
from klsweep.running import child
from klsweep.running.fleets import Shard
from klsweep.running.runner import Options, run
from klsweep.running.task import train_fleet

if "fake" in {work!r}:
    child.PRELOADED = ("klsweep.running.child",)  # torch would be loaded for nothing
sweep = sweep_of({seeds!r}, overrides={overrides!r})
print("ready", flush=True)
sys.stdin.readline()
options = Options(results=Path("results"), device="cpu", workers=1, shard={shard!r} and Shard.read({shard!r}))
heard = []
found = run(sweep, options, heard.append, work=eval({work!r}))
kinds = [type(event).__name__ for event in heard]
said = [event.text for event in heard if hasattr(event, "text")]
print(json.dumps(dict(exit_code=found.exit_code, trained=found.trained, elsewhere=found.elsewhere, said=said,
                      unfinished=found.unfinished, unasked=found.unasked, done=kinds.count("JobDone"))))
"""

EIGHT = ("latent_dim=2,3,4,5,6,7,8,9",)
"""Eight fleets of one job for each seed."""


class Runner:
    """A run in a process of its own, which begins when it is told to."""

    def __init__(self, folder, work="fake_works.slowly", *, seeds=(0,), overrides=EIGHT, shard=None) -> None:
        self.folder, here = folder, str(Path(__file__).parent)
        text = RUN.format(here=here, work=work, seeds=list(seeds), overrides=list(overrides), shard=shard)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(
            [sys.executable, "-c", text], cwd=folder, text=True, start_new_session=True, **pipes
        )

    def ready(self) -> "Runner":
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]
        return self

    def begin(self) -> "Runner":
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self

    def begin_training(self) -> None:
        """Begin `until_let_go`, and wait until it trains."""
        self.ready().begin()
        until(lambda: list((self.folder / "results" / "pids").glob("[0-9]*")))

    def join(self) -> None:
        """Begin beside another, and wait until there is nothing to do but to wait."""
        self.ready().begin()
        until(lambda: len(list((self.folder / "results/fake/work").glob("*.runner"))) == 2)
        time.sleep(1.0)

    def end(self) -> dict:
        out, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, err
        return json.loads(out)

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.communicate()


def together(folder, count, **options) -> list[dict]:
    """So many runs, begun at one moment, and how each ended."""
    runners = [Runner(folder, **options) for _ in range(count)]
    try:
        for each in runners:
            each.ready()
        for each in runners:
            each.begin()
        return [each.end() for each in runners]
    finally:
        for each in runners:
            each.__exit__()


def trained(folder) -> list[str]:
    """The fleets that were trained, one for each time."""
    path = folder / "results" / "trained.txt"
    return [line.split()[0] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_runs_begun_together_train_every_job_once_and_all_end_well(tmp_path, count):
    ends = together(tmp_path, count)
    assert sorted(trained(tmp_path)) == sorted(set(trained(tmp_path))), "a fleet was trained twice"
    assert len(trained(tmp_path)) == 8
    assert [end["exit_code"] for end in ends] == [0] * count
    assert sum(end["trained"] for end in ends) == sum(end["done"] for end in ends) == 8
    assert all(end["trained"] + end["elsewhere"] == 8 for end in ends)
    store = Store(tmp_path / "results" / "fake")
    assert len(store.records()) == 8
    assert [path.name for path in store.work.path.iterdir()] == ["plan.json"], "nothing is left of the runs"


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_what_runs_train_together_is_what_one_trains_alone(tmp_path, count):
    for name, runs in (("alone", 1), ("together", count)):
        (tmp_path / name).mkdir()
        ends = together(tmp_path / name, runs, work="train_fleet", seeds=(0, 1))
        assert [end["exit_code"] for end in ends] == [0] * runs
        assert sum(end["trained"] for end in ends) == sum(end["done"] for end in ends) == 16
    assert bits_of(tmp_path / "alone") == bits_of(tmp_path / "together")


def bits_of(folder: Path) -> dict[str, bytes]:
    """What training gave, to the bit: curves and weights of every job."""
    store = folder / "results" / "fake" / "jobs"
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for name in ("curve.csv", "weights.safetensors")
        for path in store.glob(f"*/{name}")
    }


def test_a_run_waits_for_what_another_trains_and_takes_it_over_when_that_one_is_killed(tmp_path):
    with Runner(tmp_path, "fake_works.until_let_go", overrides=()) as first:
        first.begin_training()
        with Runner(tmp_path, "fake_works.obedient", overrides=()) as second:
            second.join()
            assert second.process.poll() is None
            assert standing(Store(tmp_path / "results" / "fake")).running == 1
            (lease,) = (tmp_path / "results/fake/work").glob("*.fleet")
            before = lease.read_text()
            first.process.kill()
            first.process.wait()
            killed = time.monotonic()
            until(lambda: not lease.exists() or lease.read_text() != before)
            assert time.monotonic() - killed < 10, (
                "on this machine nobody has to wait for its lease to run out"
            )
            end = second.end()
    assert (end["exit_code"], end["trained"], end["elsewhere"]) == (0, 1, 0)
    assert any("waiting for them" in text for text in end["said"])
    assert len(trained(tmp_path)) == 1


def test_a_run_that_is_interrupted_leaves_its_fleets_to_the_others(tmp_path):
    with Runner(tmp_path, "fake_works.until_let_go", overrides=()) as first:
        first.begin_training()
        with Runner(tmp_path, "fake_works.obedient", overrides=()) as second:
            second.join()
            first.process.send_signal(signal.SIGINT)
            assert second.end()["trained"] == 1
        out, _ = first.process.communicate(timeout=PATIENCE)
    assert json.loads(out)["exit_code"] == 130


def test_a_run_that_waits_for_others_leaves_at_once_when_it_is_interrupted(tmp_path):
    with Runner(tmp_path, "fake_works.until_let_go", overrides=()) as first:
        first.begin_training()
        with Runner(tmp_path, "fake_works.obedient", overrides=()) as second:
            second.join()
            second.process.send_signal(signal.SIGINT)
            out, _ = second.process.communicate(timeout=10)
            assert json.loads(out)["exit_code"] == 130
        (tmp_path / "results" / "go").touch()
        end = first.end()
    assert (end["exit_code"], end["trained"]) == (0, 1)


def test_a_run_that_stood_still_and_was_taken_for_dead_leaves_what_another_has(go, sweep, monkeypatch):
    """Its fleet is another's when it looks again: its child is ended, and the other's result is the one."""
    monkeypatch.setattr("klsweep.running.supervise.HOLD_SECONDS", 0.05)
    held = []

    def listen(event):
        go.heard.append(event)
        if isinstance(event, FleetStarted) and not held:
            (lease,) = Store(go.results / "fake").work.path.glob("*.fleet")
            held.append(lease.read_text())
            (other,) = Store(go.results / "fake").work.path.glob("*.runner")
            lease.write_text(json.dumps({"token": "another", "jobs": []}))
            far = json.loads(other.read_text()) | {"token": "another", "realm": "another machine"}
            other.with_name("another.runner").write_text(json.dumps(far))
        if "waiting" in getattr(event, "text", ""):
            job = sweep([0]).jobs[0]
            row = {"job_id": job.id, "status": "ok"}
            Store(go.results / "fake").commit(Result(job.id, job.identity, Status.OK, row))
            (go.results / "fake" / "work" / "another.runner").unlink()

    summary = go(sweep([0]), fake_works.deaf, listen=listen)
    assert (summary.exit_code, summary.trained, summary.elsewhere) == (0, 0, 1)
    assert any(isinstance(event, DoneElsewhere) for event in go.heard)
    pids = [int(path.name) for path in (go.results / "pids").iterdir()]
    assert not any(map(fake_works.alive, pids))


def test_a_late_orphans_commit_changes_nothing(go, sweep):
    store = Store(go(sweep([0]), fake_works.obedient).path)
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    job = sweep([0]).jobs[0]
    late = Result(job.id, job.identity, Status.FAILED, {"job_id": job.id, "status": "failed"}, error="late")
    assert not store.commit(late)
    assert {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()} == before


def test_another_spec_is_refused_while_a_run_lives(go, sweep):
    refused = []

    def listen(event):
        if isinstance(event, FleetStarted):
            with pytest.raises(
                StoreError, match=r"a run of another spec is using this sweep \(process \d+ on"
            ):
                go(sweep([0]), fake_works.obedient)
            refused.append(event)

    spec = go.results / "fake" / "sweep.yaml"
    assert go(sweep([0, 1]), fake_works.obedient, listen=listen).exit_code == 0
    assert len(refused) == 1
    assert "[0, 1]" in spec.read_text()


def test_a_run_that_joins_disturbs_neither_checkpoint_nor_half_written_file(tmp_path):
    """What lies in the folder of a half of a fleet, or is just being written, is no leftover while somebody trains."""
    with Runner(tmp_path, "fake_works.until_let_go", overrides=()) as first:
        first.begin_training()
        half = tmp_path / "results" / "fake" / "work" / "0123456789ab"
        half.mkdir()
        for name in ("checkpoint", "checkpoint.tmp-1-aa"):
            (half / name).write_text("a half's")
        with Runner(tmp_path, "fake_works.obedient", overrides=()) as second:
            second.join()
            assert sorted(path.name for path in half.iterdir()) == ["checkpoint", "checkpoint.tmp-1-aa"]
            (tmp_path / "results" / "go").touch()
            assert [first.end()["trained"], second.end()["trained"]] == [1, 0]
    with Runner(tmp_path, "fake_works.obedient", overrides=()) as alone:
        alone.ready().begin()
        alone.end()
    assert not half.exists()


def test_a_share_is_every_nth_fleet_and_all_shares_are_the_whole():
    fleets = tuple(range(10))
    shares = [Shard.read(f"{index}/3").share(fleets) for index in range(3)]
    assert shares[0] == (0, 3, 6, 9)
    assert sorted(fleet for share in shares for fleet in share) == list(fleets)
    assert Shard.read("0/1").share(fleets) == fleets


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3/3", "--shard 3/3: there is no such share: allowed: 0/3 to 2/3"),
        ("1", "--shard 1: no share: allowed: i/N"),
        ("-1/3", "no share"),
        ("1/0", "no share"),
        ("a/b", "no share"),
        ("1/2/3", "no share"),
    ],
)
def test_what_is_no_share_is_told(text, words):
    with pytest.raises(KlsweepError, match=words):
        Shard.read(text)


def test_shards_into_one_directory_are_the_whole_sweep(go, sweep):
    whole = sweep([0, 1], overrides=EIGHT)
    summaries = [go(whole, fake_works.obedient, shard=Shard(index, 3)) for index in range(3)]
    assert [each.exit_code for each in summaries] == [0, 0, 0]
    assert [each.trained for each in summaries] == [6, 6, 4]
    assert [each.unasked for each in summaries] == [10, 4, 0]
    assert len(Store(summaries[-1].path).records()) == 16
    assert go(whole, fake_works.obedient).trained == 0
    assert len(trained(go.results.parent)) == 8


@pytest.mark.slow
def test_shards_give_the_bits_of_the_whole_sweep(go, sweep, tmp_path):
    from klsweep.running.task import train_fleet

    spec = sweep([0, 1], overrides=["latent_dim=2,3,4"])
    go(spec, train_fleet)
    (go.results / "fake").rename(go.results / "whole")
    for index in (2, 0, 1):
        go(spec, train_fleet, shard=Shard(index, 3))
    alone = {path.parent.name: path.read_bytes() for path in go.results.glob("whole/jobs/*/curve.csv")}
    sharded = {path.parent.name: path.read_bytes() for path in go.results.glob("fake/jobs/*/curve.csv")}
    assert alone == sharded
    assert len(alone) == 6


def test_shards_of_machines_that_cut_a_sweep_differently_are_the_whole_all_the_same(go, sweep, monkeypatch):
    """A machine of one core makes one fleet of what one of eight cuts into eight; the first to plan decides."""
    whole = sweep(range(8))
    for index, cores in enumerate((1, 8, 2)):
        monkeypatch.setattr("klsweep.running.plan.cores", lambda cores=cores: cores)
        assert go(whole, fake_works.obedient, shard=Shard(index, 3)).exit_code == 0
    assert len(Store(go.results / "fake").records()) == 8


def test_a_shard_does_its_own_failed_jobs_again_and_leaves_those_of_others(go, sweep):
    spec = sweep([13], overrides=["latent_dim=2,3,4"])
    for index in range(3):
        go(spec, fake_works.raises, shard=Shard(index, 3))
    summary = go(spec, fake_works.obedient, shard=Shard(1, 3), retry_failed=True)
    assert summary.statuses == {Status.OK: 1, Status.FAILED: 2}


def test_the_checkpoint_of_another_shard_is_not_cleared(go, sweep):
    spec = sweep([0], overrides=["latent_dim=2,3"])

    def stop(event):
        if type(event).__name__ == "EpochDone" and event.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)

    go(spec, fake_works.until_stopped, shard=Shard(0, 2), listen=stop)
    assert len(list(Store(go.results / "fake").work.path.glob("*/checkpoint"))) == 1
    go(spec, fake_works.obedient, shard=Shard(1, 2))
    assert len(list(Store(go.results / "fake").work.path.glob("*/checkpoint"))) == 1


def test_a_plan_shows_what_a_shard_trains(go, sweep):
    spec = sweep([0, 1], overrides=EIGHT)
    shares = [
        plan(spec, Store(go.results / spec.name), device="cpu", shard=Shard(index, 3)) for index in range(3)
    ]
    jobs = [job.id for share in shares for fleet in share.todo for job in fleet.jobs]
    assert sorted(jobs) == sorted(job.id for job in spec.jobs)
    assert [share.elsewhere for share in shares] == [16 - sum(len(f.jobs) for f in s.todo) for s in shares]
