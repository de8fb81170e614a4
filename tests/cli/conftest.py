"""A finished sweep to look at, made without training, and the command as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from klsweep import spec
from klsweep.result import CURVE_COLUMNS, Result, Status
from klsweep.running.fleets import fleets
from klsweep.spec.row import settings_row
from klsweep.store import Store


def finish(path: Path, results: Path, *, bad=(), leave=0) -> Store:
    """Make up results for the jobs of a spec, failed where the seed is in `bad`, but for the last `leave`."""
    sweep = spec.read(path)
    store = Store.open(results, sweep.name)
    store.write_spec(sweep.text)
    planned = fleets(sweep.jobs, "cpu", cores=1)
    store.work.write_plan({fleet.id: fleet.job_ids for fleet in planned})
    fleet_of = {job_id: fleet.id for fleet in planned for job_id in fleet.job_ids}
    metrics = ["distortion_nats", "rate_nats", "elbo_nats", "recon_sse", "recon_mse", "recon_bce"]
    for place, job in enumerate(sweep.jobs[: len(sweep.jobs) - leave]):
        status = Status.FAILED if job.seed in bad else Status.OK
        measured = dict.fromkeys(metrics, 1.0 + place) | {
            "active_units": 1,
            "active_units_kl": 1,
            "train_seconds": 1.5,
        }
        row = settings_row(job, input_dim=64, train_size=sweep.facts_of(job).sizes[0])
        failed = status is Status.FAILED
        store.commit(
            Result(
                job_id=job.id,
                job=job.identity,
                status=status,
                row={"job_id": job.id, "status": status.value, **row, **({} if failed else measured)},
                curve=() if failed else [dict.fromkeys(CURVE_COLUMNS, 1.0) | {"epoch": n} for n in (1, 2)],
                arrays={} if failed else {"rate_per_latent_nats": np.array([0.5, 0.0])},
                error="Traceback\nRuntimeError: [bold]it broke[/bold]" if failed else "",
                provenance={"fleet": fleet_of[job.id], "steps": 6},
            )
        )
    return store


@pytest.fixture
def finished():
    return finish


@pytest.fixture
def klsweep(tmp_path):
    """Run the command in an empty directory: (exit code, standard output, standard error)."""

    def call(*arguments, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "klsweep", *map(str, arguments)],
            cwd=tmp_path,
            env={**clean_environment(), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call


def clean_environment() -> dict[str, str]:
    fussy = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
    return {name: value for name, value in os.environ.items() if name not in fussy}
