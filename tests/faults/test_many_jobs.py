"""Ten thousand jobs: planned, and looked at, in seconds and in bounded memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from klsweep import spec
from klsweep.result import Result, Status
from klsweep.spec.row import settings_row
from klsweep.store import Store, codec

MANY = """\
version: 1
name: many
fixed:
  dataset: digits
  model: {kind: mlp, hidden: [8]}
  train: {epochs: 1}
grid:
  beta_norm: {logspace: [0.001, 10, 100]}
  latent_dim: {range: [1, 11]}
  seed: {range: [0, 10]}
"""

MEGABYTES = 1024  # resident: torch, which the plan of a model loads, takes a third of it
SECONDS = 30  # on a busy machine; see docs/reliability.md for what it takes on an idle one


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """A spec of 10,000 jobs, all of them finished: written as the store writes them, but not flushed to disk."""
    place = tmp_path_factory.mktemp("many")
    (place / "many.yaml").write_text(MANY)
    sweep = spec.read(place / "many.yaml")
    assert len(sweep.jobs) == 10_000
    store = Store.open(place / "results", sweep.name)
    store.write_spec(sweep.text)
    for job in sweep.jobs:
        row = settings_row(job, input_dim=64, train_size=sweep.facts_of(job).sizes[0])
        measured = {"job_id": job.id, "status": "ok", "rate_nats": 1.0, "train_seconds": 1.0}
        result = Result(job.id, job.identity, Status.OK, {**row, **measured})
        folder = store.path / "jobs" / job.id
        folder.mkdir()
        (folder / "result.json").write_bytes(codec.encode_result(result, {}))
    return place


def measured(*command: object) -> tuple[str, float]:
    """Standard output of a command, and the most memory of it in MB; it ends in time."""
    call = [sys.executable, "-m", "klsweep", *map(str, command)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert usage.ru_utime + usage.ru_stime < SECONDS
    return out, usage.ru_maxrss / 1024


@pytest.mark.slow
def test_ten_thousand_jobs_are_planned_and_looked_at_in_bounded_memory(many):
    planned, used = measured(
        "plan", many / "many.yaml", "--json", "--results", many / "empty", "--device", "cpu"
    )
    assert len(json.loads(planned)["jobs"]) == 10_000
    assert used < MEGABYTES
    status, used = measured("status", many / "results", "--json")
    (standing,) = json.loads(status)
    assert standing["statuses"]["ok"] == 10_000
    assert used < MEGABYTES
