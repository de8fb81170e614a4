"""Ten thousand jobs: planned, looked at and reported, in seconds and in bounded memory."""

import json
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
SECONDS = {"plan": 5, "status": 8, "report": 40}
"""Of a core, on a machine that others slow down: three times what `benchmarks/README.md` measured on an idle one."""


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


MEASURED = """
import json, os, subprocess, sys
command = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(command.pid, 0)
told = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
print(json.dumps(told), file=sys.stderr)
"""
"""Exit code, CPU seconds and most MB of a command; from a small process, for one that is forked begins with the most
memory of who forked it, and the process of these tests is large."""


def measured(*command: object) -> tuple[str, float]:
    """Standard output of a command, and the most memory of it in MB; it ends in time."""
    call = [sys.executable, "-c", MEASURED, sys.executable, "-m", "klsweep", *map(str, command)]
    ran = subprocess.run(call, capture_output=True, text=True, check=True)
    code, seconds, megabytes = json.loads(ran.stderr.splitlines()[-1])
    assert code == 0
    assert seconds < SECONDS[str(command[0])]
    return ran.stdout, megabytes


@pytest.mark.slow
def test_ten_thousand_jobs_are_planned_and_looked_at_in_bounded_memory(many):
    plan = ("plan", many / "many.yaml", "--results", many / "empty", "--device", "cpu")
    planned, used = measured(*plan, "--json")
    assert len(json.loads(planned)["jobs"]) == 10_000
    assert used < MEGABYTES
    shown, used = measured(*plan)
    assert sum(line.endswith("to do") for line in shown.splitlines()) == 10_000
    assert used < MEGABYTES
    status, used = measured("status", many / "results", "--json")
    (standing,) = json.loads(status)
    assert standing["statuses"]["ok"] == 10_000
    assert used < MEGABYTES


@pytest.mark.slow
def test_ten_thousand_jobs_are_reported_in_bounded_memory(many):
    told, used = measured("report", many / "results", "--json")
    (report,) = json.loads(told)
    assert report["jobs"] == 10_000
    assert used < MEGABYTES
    assert len((many / "results" / "many" / "report" / "runs.csv").read_text().splitlines()) == 10_001
