"""A sweep on real clusters of Dask: what it gives, and what it makes of lost workers and a lost scheduler."""

import os
import re
import signal
import subprocess
import sys

import pytest
from clusters import LOOPBACK, below, listening, runs, trainers, until
from fake_works import alive

from klsweep.store import Store

pytest.importorskip("distributed")


@pytest.mark.slow
def test_a_cluster_of_dask_gives_what_children_give_though_a_worker_is_killed(
    start, dask_cluster, local, tmp_path
):
    run = start("--results", "dask", "--backend", "dask", "--address", dask_cluster.address)
    worker, training = until(lambda: next(iter(trainers(dask_cluster.workers.pid).items()), None), "a fleet")
    os.kill(worker, signal.SIGKILL)
    until(lambda: not any(map(alive, training)), "the end of what the killed worker trained")
    assert run.end() == 0, run.text()
    assert runs(tmp_path / "dask") == local
    assert f"12 jobs in 3 fleets on cpu, dask at {dask_cluster.address}: 2 workers" in run.text()
    store = Store(tmp_path / "dask" / "shared")
    assert [path.name for path in store.work.path.iterdir()] == ["plan.json"], (
        "nothing is left of run and workers"
    )


@pytest.mark.slow
def test_a_lost_scheduler_ends_the_run_in_words_and_the_same_command_finishes_it(
    start, dask_cluster, local, tmp_path
):
    run = start("--results", "dask", "--backend", "dask", "--address", dask_cluster.address)
    training = until(
        lambda: [each for found in trainers(dask_cluster.workers.pid).values() for each in found]
    )
    dask_cluster.scheduler.kill()
    assert run.end() == 1, run.text()
    assert re.search(
        r"dask at tcp://\S+ is lost: the Dask scheduler is gone; \d fleets are not done", run.text()
    )
    assert "To go on:" in run.text()
    until(lambda: not any(map(alive, training)), "the end of what was trained")
    again = start("--results", "dask", "--backend", "dask", "--workers", "1")
    assert again.end() == 0, again.text()
    assert "on cpu, dask on this machine: 1 worker" in again.text()
    assert runs(tmp_path / "dask") == local


@pytest.mark.slow
def test_ctrl_c_leaves_checkpoints_and_no_process_on_a_cluster_of_this_machine(start, local, tmp_path):
    arguments = ("--results", "dask", "--backend", "dask")
    run = start(*arguments)
    until(lambda: trainers(run.process.pid), "a fleet")
    processes = below(run.process.pid)
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does
    assert run.end() == 130, run.text()
    assert "Stopping: fleets finish their epoch and keep a checkpoint" in run.text()
    until(lambda: not any(map(alive, processes)), "the end of the cluster")
    again = start(*arguments)
    assert again.end() == 0, again.text()
    assert runs(tmp_path / "dask") == local


@pytest.mark.slow
def test_a_cluster_of_this_machine_listens_to_itself_alone_and_does_not_outlive_its_run(start):
    run = start("--results", "dask", "--backend", "dask")
    until(lambda: trainers(run.process.pid), "a fleet")
    training = [each for found in trainers(run.process.pid).values() for each in found]
    processes = below(run.process.pid)
    found = [each for pid in (run.process.pid, *processes) for each in listening(pid)]
    assert found
    assert set(found) <= LOOPBACK
    run.process.kill()
    until(lambda: not any(map(alive, training)), "the end of what trained")
    until(lambda: not any(map(alive, processes)), "the end of the cluster")


def test_where_no_scheduler_answers_it_is_said_before_anything(start, tmp_path):
    run = start("--results", "dask", "--backend", "dask", "--address", "tcp://127.0.0.1:1")
    assert run.end() == 2
    assert "--backend dask: dask at tcp://127.0.0.1:1: no Dask scheduler answers at" in run.text()
    assert "Traceback" not in run.text()
    assert not (tmp_path / "dask").exists()


def test_neither_help_nor_plan_loads_an_engine(tmp_path, write_spec):
    question = """
import sys
from klsweep.cli import main
sys.argv = ["klsweep", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    assert not ended.code
print("LOADED:", sorted({"dask", "distributed", "ray"} & set(sys.modules)))
"""
    for arguments in (["run", "--help"], ["plan", str(write_spec()), "--device", "cpu"]):
        done = subprocess.run(
            [sys.executable, "-c", question, *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        assert done.stdout.splitlines()[-1] == "LOADED: []"
