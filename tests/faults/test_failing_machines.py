"""Memory that is full, a GPU that is gone, a clock that jumps.

There is no CUDA device where these run: that torch's own exception is what a full or absent GPU raises is torch's
promise; what klsweep makes of that exception is tested.
"""

import itertools
import time

import faulty_works
import pytest
import torch

from klsweep.errors import DeviceError
from klsweep.result import Status
from klsweep.running.devices import choose_devices
from klsweep.running.runner import Options, run
from klsweep.store import Store

ONE_FLEET = ("latent_dim=2",)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (faulty_works.too_large_for_the_gpu, "CUDA out of memory"),
        (faulty_works.too_large_for_the_host, "MemoryError: Unable to allocate"),
    ],
)
def test_a_fleet_too_large_for_the_memory_is_halved_until_it_fits(go, sweep, work, said):
    summary = go(sweep(*ONE_FLEET), work)
    assert summary.statuses == {Status.OK: 4}
    assert summary.exit_code == 0
    assert said in go.said()
    assert "halved" in go.said()


def test_a_job_too_large_for_the_memory_fails_alone_and_says_so(go, sweep):
    summary = go(sweep(*ONE_FLEET), faulty_works.too_large_for_the_gpu_alone)
    assert summary.statuses == {Status.OK: 2, Status.FAILED: 2}
    errors = {each.job["seed"]: each.error for each in Store(summary.path).records() if each.error}
    assert errors.keys() == {1}
    assert errors[1].strip().endswith("OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_a_gpu_that_is_asked_for_and_is_not_there_is_told_before_anything(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DeviceError, match=r"CUDA is not there.*torch finds: none.*--device cpu"):
        choose_devices("cuda")
    assert choose_devices("auto") == ("cpu",)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU, as after it vanished")
def test_a_gpu_that_vanishes_fails_its_jobs_with_the_reason_and_they_run_again_on_demand(go, sweep):
    summary = go(sweep(*ONE_FLEET), faulty_works.on_a_gpu_that_is_gone)
    assert summary.statuses == {Status.FAILED: 4}
    assert summary.exit_code == 1
    assert all("cuda" in each.error.lower() for each in Store(summary.path).records())
    (go.results / "back").touch()
    again = go(sweep(*ONE_FLEET), faulty_works.on_a_gpu_that_is_gone, retry_failed=True)
    assert again.statuses == {Status.OK: 4}


def test_a_wall_clock_that_jumps_by_an_hour_changes_neither_results_nor_durations(
    sweep, tmp_path, monkeypatch
):
    calm = run(sweep(*ONE_FLEET), Options(results=tmp_path / "calm", device="cpu", backend="inline"))
    jumps, real = itertools.cycle([3600.0, -3600.0]), time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    started = time.monotonic()
    mad = run(sweep(*ONE_FLEET), Options(results=tmp_path / "mad", device="cpu", backend="inline"))
    elapsed = time.monotonic() - started
    assert mad.exit_code == 0
    assert 0 < mad.seconds <= elapsed
    one, other = (
        [(each.job_id, each.row, each.provenance["steps"]) for each in Store(summary.path).records()]
        for summary in (calm, mad)
    )
    assert sum(row["train_seconds"] for _, row, _ in other) <= elapsed
    for _, row, _ in (*one, *other):
        row.pop("train_seconds")
    assert one == other
