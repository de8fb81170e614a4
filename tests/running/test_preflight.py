"""A run that cannot fit says so before it trains, with figures that are right."""

import os
import shutil
from pathlib import Path

import fake_works
import pytest
import torch
from test_supervision import by_seed

from klsweep.errors import StoreError
from klsweep.running import preflight, rooms
from klsweep.running.devices import Hands
from klsweep.running.events import FleetStarted
from klsweep.running.fleets import FleetPlan
from klsweep.running.preflight import needs, weigh
from klsweep.running.task import Task, Weighed, train_fleet
from klsweep.spec.job import RunLimits
from klsweep.store import Store

DISK = type(shutil.disk_usage("/"))


def task(jobs, store, **limits):
    fleet = FleetPlan(tuple(jobs))
    return Task(fleet, fleet.id, store, None, "cpu", 1, limits=RunLimits(**limits))


@pytest.mark.parametrize(
    "overrides",
    [
        ["model={kind: mlp, hidden: [30, 20]}"],
        ["model=linear", "likelihood={kind: gaussian, variance: learned_per_dim}"],
        ["model={kind: conv, channels: [4, 8], hidden: 16}"],
    ],
)
def test_parameters_are_counted_as_torch_has_them(sweep, tmp_path, overrides):
    """The witness is the network itself, made for real."""
    (job,) = sweep([0], overrides=overrides).jobs
    said = []
    weigh(task([job], tmp_path), said.append, None)
    network = job.model.build((1, 8, 8), job.latent_dim, job.likelihood.params_per_value)
    count = sum(value.numel() for value in network.parameters())
    count += sum(value.numel() for value in job.likelihood.parameters((1, 8, 8)).values())
    assert said == [Weighed(job.id, count)]
    assert count > 0
    assert not any(parameter.is_meta for parameter in network.parameters())
    assert torch.get_default_device().type == "cpu"


def test_the_least_a_run_needs_is_weights_checkpoints_moments_and_data(sweep, tmp_path, monkeypatch):
    """By hand, for fleets of 3 and 1 jobs of 1000 parameters under Adam, on 1797 digits of 64 values."""
    spec = sweep(range(4))
    tasks = [task(spec.jobs[:3], tmp_path), task(spec.jobs[3:], tmp_path)]
    parameters = {job.id: 1000 for job in spec.jobs}
    data = 1797 * 64 * 4
    one = needs(tasks, spec, Hands(("cpu",), 1), parameters)
    assert one.memory == 3 * 1000 * 4 * 4 + data
    assert one.disk == 4 * (1000 * 4 + preflight.REST_BYTES) + 3 * 3 * 1000 * 4
    both = needs(tasks, spec, Hands(("cpu", "cpu"), 1), parameters)
    assert both.memory == 4 * 1000 * 4 * 4 + data, "workers share what they read"
    monkeypatch.setattr(rooms, "POSSIBLE", False)
    apart = needs(tasks, spec, Hands(("cpu", "cpu"), 1), parameters)
    assert apart.memory == 4 * 1000 * 4 * 4 + 2 * data
    bare = [task(spec.jobs, tmp_path, keep_weights=False)]
    assert needs(bare, spec, Hands(("cpu",), 1), parameters).disk == 4 * preflight.REST_BYTES + 4 * 3 * 4000


def test_what_a_job_keeps_is_not_less_than_was_counted(go, sweep):
    """The estimate is a lower bound, so that nobody is turned away whose results would have fit."""
    summary = go(sweep([0]), train_fleet)
    (folder,) = (summary.path / "jobs").iterdir()
    blocks = sum(path.stat().st_blocks * 512 for path in folder.iterdir())
    (job,) = sweep([0]).jobs
    said = []
    weigh(task([job], summary.path), said.append, None)
    assert 4 * said[0].parameters + preflight.REST_BYTES <= blocks + 4096 * len(list(folder.iterdir()))


def test_a_disk_without_room_is_told_before_anything_trains(go, sweep, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DISK(10**9, 10**9 - 50_000, 50_000))
    started = []

    def listen(event):
        started.extend([event] if isinstance(event, FleetStarted) else [])

    with pytest.raises(
        StoreError, match=r"needs at least \d+ kB, and 50 kB are free: make room, .*keep_weights"
    ):
        go(sweep(range(4)), train_fleet, listen=listen)
    assert not started
    assert not Store(go.results / "fake").work.is_held()
    monkeypatch.undo()
    assert go(sweep(range(4)), fake_works.obedient).exit_code == 0


def test_a_memory_that_is_too_small_is_told_and_the_run_goes_on(go, sweep, monkeypatch):
    monkeypatch.setattr(preflight, "free_memory", lambda: 1000)
    summary = go(sweep([0]), train_fleet)
    assert summary.exit_code == 0
    assert len(by_seed(summary)) == 1
    assert "1 worker needs at least" in go.said()
    assert "and 1 kB are free" in go.said()


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="needs /proc")
def test_the_free_memory_of_this_machine_is_some_of_what_it_has():
    """The witness is the kernel's own count of pages."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = preflight.free_memory()
    assert free is not None
    assert free <= whole


@pytest.mark.parametrize(
    ("line", "mount", "names"),
    [
        ("0::/a/b", "", ("memory.max", "memory.current")),
        ("7:cpu,memory:/a/b", "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")),
    ],
)
def test_the_least_limit_of_a_control_group_and_those_above_it_counts(tmp_path, line, mount, names):
    """A made-up tree: the group itself has no limit, the one above it has less room than the one at the top."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"3:cpuset:/elsewhere\n{line}\n")
    top = tmp_path / "sys/fs/cgroup" / mount
    (top / "a/b").mkdir(parents=True)
    for group, limit, used in ((top, 900, 100), (top / "a", 500, 200), (top / "a/b", "max", 150)):
        for name, value in zip(names, (limit, used), strict=True):
            (group / name).write_text(f"{value}\n")
    assert sorted(preflight.group_room(tmp_path)) == [300, 800]
    assert preflight.group_room(tmp_path / "absent") == []
