"""What is not training: start-up, plan, store, status and report by number of jobs, and the harness around a real run.

    python benchmarks/harness.py                        # three minutes
    python benchmarks/harness.py --sizes 10 100 --no-run
    python benchmarks/harness.py --sizes --run sweeps/mnist.yaml    # the run alone; MNIST in KLSWEEP_DATA

Every command is a process of its own, its output a pipe; seconds are of its wall time, megabytes the most memory that
it or a process of it had. Results are made up, and committed by the real store.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from klsweep import spec
from klsweep.result import CURVE_COLUMNS, Pictures, Result, Status
from klsweep.spec import Sweep
from klsweep.spec.job import Job
from klsweep.spec.row import settings_row
from klsweep.store import Store

ROOT = Path(__file__).parent.parent
SIZES = (10, 100, 1_000, 10_000)
KLSWEEP = (sys.executable, "-m", "klsweep")
EPOCHS = 20

SWEEP = """\
version: 1
name: made-up
fixed:
  dataset: digits
  model: {{kind: mlp, hidden: [64]}}
  train: {{epochs: 20}}
grid:
  reduction: {reductions}
  schedule: {schedules}
  latent_dim: {latents}
  beta_norm: {{logspace: [0.001, 1, {weights}]}}
  seed: {{range: [0, {seeds}]}}
"""

AXES = {
    10: {"reductions": "[sum]", "schedules": "[constant]", "latents": "[8]", "weights": 5, "seeds": 2},
    100: {"reductions": "[sum]", "schedules": "[constant]", "latents": "[2, 8]", "weights": 10, "seeds": 5},
    1_000: {
        "reductions": "[sum]",
        "schedules": "[constant, linear]",
        "latents": "[2, 4, 8, 16]",
        "weights": 25,
        "seeds": 5,
    },
    10_000: {
        "reductions": "[sum, mean]",
        "schedules": "[constant, linear, cosine, cyclical]",
        "latents": "[2, 4, 8, 16, 32]",
        "weights": 25,
        "seeds": 10,
    },
}
"""Grids of so many jobs, with the axes that people vary first."""


@dataclass(frozen=True)
class Cost:
    """Medians over repeats."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def cost(command: Sequence[object], *, repeats: int) -> Cost:
    """What a command takes."""
    runs = [_once([str(part) for part in command]) for _ in range(repeats)]
    return Cost(*(statistics.median(each) for each in zip(*runs, strict=True)))


def _once(command: list[str]) -> tuple[float, float, float]:
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def made_up(sweep: Sweep, job: Job) -> Result:
    """A result as a training leaves it: numbers that fall and rise with the weight, a curve, arrays and pictures."""
    rng = np.random.default_rng([job.seed, job.latent_dim])
    row = settings_row(job, input_dim=64, train_size=sweep.facts_of(job).sizes[0])
    beta = float(row["beta"] or 0.0)
    rate = job.latent_dim * np.log1p(4 / beta) * (1 + 0.02 * rng.standard_normal())
    distortion = 20 + 3 * np.log1p(beta) + 0.2 * rng.standard_normal()
    units = int(np.ceil(job.latent_dim / (1 + beta)))
    measured = {
        "distortion_nats": distortion,
        "rate_nats": rate,
        "elbo_nats": -(distortion + rate),
        "recon_sse": distortion / 8,
        "recon_mse": distortion / 512,
        "recon_bce": distortion,
        "active_units": units,
        "active_units_kl": units,
        "train_seconds": 1.5,
    }
    known = {"s": 1.0, "weight": float(row["weight"] or 0.0), "valid_active_units": units}
    curve = []
    for epoch in range(1, EPOCHS + 1):
        late = 1 + 1 / epoch
        seen = {"distortion_nats": late * distortion, "rate_nats": rate / late, "loss": distortion + rate}
        both = {f"{split}_{name}": value for split in ("train", "valid") for name, value in seen.items()}
        curve.append({**dict.fromkeys(CURVE_COLUMNS), "epoch": epoch, "step": 12 * epoch, **known, **both})
    pictures = {
        Pictures.ORIGINALS: (8,),
        Pictures.RECONSTRUCTIONS: (8,),
        Pictures.SAMPLES: (16,),
        Pictures.TRAVERSALS: (min(job.latent_dim, 8), 7),
    }
    return Result(
        job_id=job.id,
        job=job.identity,
        status=Status.OK,
        row={"job_id": job.id, "status": "ok", **row, **measured},
        curve=curve,
        arrays={
            "rate_per_latent_nats": np.sort(rng.exponential(rate / job.latent_dim, job.latent_dim)),
            "mean_variance_per_latent": rng.random(job.latent_dim),
            Pictures.TRAVERSED: np.arange(min(job.latent_dim, 8), dtype=np.uint16),
            **{
                name: rng.integers(0, 255, (*count, 1, 8, 8), dtype=np.uint8)
                for name, count in pictures.items()
            },
        },
        provenance={"fleet": "made-up", "steps": 12 * EPOCHS, "threads": 1},
    )


def committed(path: Path, results: Path) -> float:
    """Seconds that the store takes to commit the results of all jobs, flushed to disk as in a run."""
    sweep = spec.read(path)
    store = Store.open(results, sweep.name)
    store.write_spec(sweep.text)
    store.work.write_plan({"made-up": [job.id for job in sweep.jobs]})
    made = 0.0
    for job in sweep.jobs:
        result = made_up(sweep, job)
        started = time.perf_counter()
        store.commit(result)
        made += time.perf_counter() - started
    return made


def start_up(repeats: int) -> Table:
    """`klsweep --help` beside the import of the library its command line is made of, alternately."""
    help_, typer = [], []
    for _ in range(repeats):
        typer.append(cost((sys.executable, "-c", "import typer"), repeats=1).seconds)
        help_.append(cost((Path(sys.executable).with_name("klsweep"), "--help"), repeats=1).seconds)
    table = _table("Start-up", "import typer, s", "klsweep --help, s", "ratio")
    first, second = statistics.median(typer), statistics.median(help_)
    table.add_row(f"{first:.3f}", f"{second:.3f}", f"{second / first:.2f}")
    return table


def by_jobs(sizes: Sequence[int], repeats: int, say: Callable[[str], None]) -> Table:
    """Every command at every number of jobs: seconds, and megabytes."""
    headings = ("plan", "plan --json", "commit a job, ms", "status", "report")
    table = _table("Seconds and MB by number of jobs", "jobs", *headings)
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path, results = Path(folder) / "sweep.yaml", Path(folder) / "results"
            path.write_text(SWEEP.format(**AXES[size]))
            plan = (*KLSWEEP, "plan", path, "--device", "cpu", "--results", Path(folder) / "none")
            planned = [cost(command, repeats=repeats) for command in (plan, (*plan, "--json"))]
            say(f"{size:,} jobs: planned")
            seconds = committed(path, results)
            say(f"{size:,} jobs: committed")
            looked = [
                cost((*KLSWEEP, *command, results), repeats=repeats) for command in (["status"], ["report"])
            ]
            say(f"{size:,} jobs: reported")
        table.add_row(
            f"{size:,}",
            *(f"{each.seconds:.2f}, {each.megabytes:.0f} MB" for each in planned),
            f"{1000 * seconds / size:.1f}",
            *(f"{each.seconds:.2f}, {each.megabytes:.0f} MB" for each in looked),
        )
    return table


def around(path: Path) -> Table:
    """A real run: its wall time, and the share of it in which workers did not train."""
    with tempfile.TemporaryDirectory() as folder:
        whole = cost((*KLSWEEP, "run", path, "--results", folder, "--quiet"), repeats=1)
        (sweep,) = [Store(jobs.parent) for jobs in Path(folder).glob("*/jobs")]
        again = cost((*KLSWEEP, "run", path, "--results", folder, "--quiet"), repeats=3)
        records = sweep.records()
    trained = sum(float(record.row["train_seconds"] or 0.0) for record in records)
    workers = max(1, len(os.sched_getaffinity(0)))
    table = _table(
        f"klsweep run {path.name}",
        "jobs",
        "wall, s",
        f"training / {workers} workers, s",
        "harness, s",
        "share",
        "again, s",
    )
    arithmetic = trained / workers
    rest = whole.seconds - arithmetic
    table.add_row(
        str(len(records)),
        f"{whole.seconds:.1f}",
        f"{arithmetic:.1f}",
        f"{rest:.1f}",
        f"{rest / whole.seconds:.1%}",
        f"{again.seconds:.2f}",
    )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, choices=SIZES, help="numbers of jobs")
    parser.add_argument(
        "--repeats", type=int, default=3, help="of each command; start-up has ten times as many"
    )
    parser.add_argument("--run", type=Path, default=ROOT / "sweeps" / "mnist.yaml", help="the sweep to train")
    parser.add_argument("--no-run", action="store_true", help="train nothing")
    asked = parser.parse_args()
    console = Console(width=120)
    console.print(start_up(10 * asked.repeats))
    if asked.sizes:
        console.print(
            by_jobs(asked.sizes, asked.repeats, lambda text: print(text, file=sys.stderr, flush=True))
        )
    if not asked.no_run:
        console.print(around(asked.run))


if __name__ == "__main__":
    main()
