"""Runner and workers are killed at random moments, again and again; the results are those of a run left alone.

Short here; `make chaos` kills 20 times, and with KLSWEEP_CHAOS_SEED others. At most one kill in the life of a runner is
of what works below it: a job whose process dies again and again is a job that kills it, and would be told as failed.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_works
import pytest

from klsweep.reporting import rows
from klsweep.result import Status
from klsweep.store import Store

KILLS = int(os.environ.get("KLSWEEP_CHAOS", "3"))
SEED = int(os.environ.get("KLSWEEP_CHAOS_SEED", "54"))
PATIENCE = 120.0  # seconds that one run, or its end after a signal, may take on a busy machine
OUTLIVES = 2.0  # seconds that a worker may outlive its runner

SPEC = """\
version: 1
name: chaos
fixed:
  dataset: {kind: digits, limit: 200}
  model: {kind: mlp, hidden: [16]}
  likelihood: bernoulli
  train: {epochs: 60, batch_size: 64}
grid:
  latent_dim: [2, 3, 4]
  beta_norm: [0.1, 1.0]
  seed: [0, 1]
"""
"""Twelve jobs in three fleets, about half a second each."""


class Runner:
    """`klsweep run` as a process of its own, with what it says in a file."""

    def __init__(self, spec: Path, results: Path) -> None:
        workers = str(min(2, len(os.sched_getaffinity(0))))
        arguments = ["run", spec, "--results", results, "--workers", workers, "--device", "cpu"]
        self.said = results.with_name(f"{results.name}-{time.monotonic_ns()}.txt")
        with self.said.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "klsweep", *arguments], stdout=out, stderr=out, start_new_session=True
            )
        self.started = time.monotonic()
        self.worker_killed = False
        self.struck: int | None = None  # by which signal
        self.trained_at_its_end: list[int] = []

    def lives_until(self, seconds: float) -> bool:
        """Wait; whether it still runs then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=seconds)
        return self.process.poll() is None

    def below(self) -> list[int]:
        """Every living process that it has started, and those have."""
        return _below(self.process.pid)

    def workers(self) -> list[int]:
        """Those that train, each in a group of its own."""
        return [pid for pid in self.below() if _group(pid) == pid]

    def end(self) -> int:
        return self.process.wait(timeout=PATIENCE)


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _below(pid: int) -> list[int]:
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(each) for each in thread.read_text().split() if fake_works.alive(int(each))]
    return found + [each for child in found for each in _below(child)]


def outlived(pids: list[int]) -> float:
    """Seconds until none of these runs any more."""
    ended = time.monotonic()
    while any(map(fake_works.alive, pids)) and time.monotonic() - ended < 10 * OUTLIVES:
        time.sleep(0.01)
    return time.monotonic() - ended


def runs(results: Path) -> str:
    """runs.csv less the column that is a measurement of time."""
    return rows.csv(rows.runs(Store(results / "chaos")).drop(columns="train_seconds"))


def curves(results: Path) -> dict[str, bytes]:
    """Of every committed job; a folder that a killed writer left half written is none, and goes when it is old."""
    store = Store(results / "chaos")
    jobs = (record.job_id for record in store.records())
    return {job_id: (store.path / "jobs" / job_id / "curve.csv").read_bytes() for job_id in jobs}


@pytest.fixture
def start(tmp_path):
    """Start a runner; none is left behind."""
    spec = tmp_path / "chaos.yaml"
    spec.write_text(SPEC)
    begun = []

    def begin(results: Path) -> Runner:
        begun.append(Runner(spec, results))
        return begun[-1]

    yield begin
    for runner in begun:
        if runner.process.poll() is None:
            runner.process.kill()
            runner.process.wait()


def strike(runner: Runner, rng: random.Random) -> str:
    """Kill or end the runner or something below it; what it was."""
    number = signal.SIGKILL if rng.random() < 0.5 else signal.SIGTERM
    upon, chosen = rng.random(), rng.random()
    below = runner.below()
    if below and not runner.worker_killed and upon < 0.5:
        runner.worker_killed = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(below[int(len(below) * chosen)], number)
        return f"{number.name} below the runner"
    runner.struck, runner.trained_at_its_end = number, runner.workers()
    runner.process.send_signal(number)
    while number == signal.SIGTERM and runner.process.poll() is None:
        runner.trained_at_its_end = runner.workers() or runner.trained_at_its_end
        time.sleep(0.005)
    return f"{number.name} to the runner"


@pytest.mark.slow
def test_a_sweep_killed_at_random_moments_ends_as_one_left_alone(start, tmp_path):
    alone = start(tmp_path / "alone")
    assert alone.end() == 0, alone.said.read_text()
    seconds = time.monotonic() - alone.started
    expected = runs(tmp_path / "alone"), curves(tmp_path / "alone")
    assert expected[0].count(f",{Status.OK.value},") == 12

    rng, strikes, sweeps, longest = random.Random(SEED), [], 0, 0.0
    while len(strikes) < KILLS:  # sweep after sweep, each until it is done
        results, done = tmp_path / f"struck-{sweeps}", False
        while not done:
            runner = start(results)
            while len(strikes) < KILLS and runner.struck is None:
                if not runner.lives_until(rng.uniform(0, 0.8 * seconds)):
                    break
                strikes.append(f"{time.monotonic() - runner.started:.2f} s: {strike(runner, rng)}")
            code = runner.end()
            longest = max(longest, outlived(runner.trained_at_its_end))
            done = code == 0
            by_signal = runner.struck is not None and code in (-runner.struck, 128 + runner.struck)
            assert done or by_signal, (code, strikes, runner.said.read_text())
        assert (runs(results), curves(results)) == expected, strikes
        sweeps += 1
    assert longest < OUTLIVES, strikes
    print(
        f"seed {SEED}: {len(strikes)} strikes on {sweeps} sweeps; workers outlived by {longest:.2f} s at most"
    )
    print("\n".join(strikes))
