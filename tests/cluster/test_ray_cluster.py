"""A sweep on a real instance of Ray: what it gives, and what it makes of a lost worker and of a lost cluster.

Ray is large, so it is no development tool of this project: `make cluster-test` installs it, and without it these skip.
"""

import os
import signal

import pytest
from clusters import LOOPBACK, below, command_of, listening, runs, trainers, until
from fake_works import alive

from klsweep.store import Store

pytest.importorskip("ray")

LOST_SECONDS = "5"  # after which a client of Ray takes its cluster for lost; 60 by default


@pytest.mark.slow
def test_ray_gives_what_children_give_though_a_worker_is_killed(start, local, tmp_path):
    run = start("--results", "ray", "--backend", "ray")
    worker, training = until(lambda: next(iter(trainers(run.process.pid).items()), None), "a fleet")
    os.kill(worker, signal.SIGKILL)
    until(lambda: not any(map(alive, training)), "the end of what the killed worker trained")
    assert run.end() == 0, run.text()
    assert runs(tmp_path / "ray") == local
    assert "on cpu, ray on this machine:" in run.text()
    store = Store(tmp_path / "ray" / "shared")
    assert [path.name for path in store.work.path.iterdir()] == ["plan.json"], (
        "nothing is left of run and workers"
    )


@pytest.mark.slow
def test_a_lost_ray_cluster_ends_the_run_in_words_and_the_same_command_finishes_it(
    start, local, tmp_path, monkeypatch
):
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", LOST_SECONDS)
    run = start("--results", "ray", "--backend", "ray")
    hosts = until(lambda: trainers(run.process.pid), "a fleet")
    for each in {pid for training in hosts.values() for pid in training}:
        os.kill(each, signal.SIGSTOP)  # or the fleets would be done before Ray misses its head
    processes = below(run.process.pid)
    (head,) = [pid for pid in processes if "gcs/gcs_server" in command_of(pid)]
    os.kill(head, signal.SIGKILL)
    code = run.end()
    assert code == 1, run.text()
    assert "ray on this machine is lost: " in run.text()
    assert "To go on:" in run.text()
    again = start("--results", "ray", "--backend", "ray")
    assert again.end() == 0, again.text()
    assert runs(tmp_path / "ray") == local


@pytest.mark.slow
def test_all_that_listens_is_on_the_loopback_address(start):
    run = start("--results", "ray", "--backend", "ray")
    until(lambda: trainers(run.process.pid), "a fleet")
    found = [each for pid in (run.process.pid, *below(run.process.pid)) for each in listening(pid)]
    assert found
    assert set(found) <= LOOPBACK
    os.kill(run.process.pid, signal.SIGTERM)
    assert run.end() == 143, run.text()
