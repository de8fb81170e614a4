"""The promise that matters: however a sweep was interrupted, what comes out is what would have come out."""

import contextlib
import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_works
import pytest

from klsweep import api
from klsweep.store import Store

SPEC = """\
version: 1
name: small
fixed:
  dataset: digits
  model: {kind: mlp, hidden: [16]}
  likelihood: bernoulli
  train: {epochs: 30, batch_size: 64}
grid:
  latent_dim: [2, 3]
  beta_norm: [0.1, 1.0]
  seed: [0, 1]
"""
"""Two fleets of four, a second or two each."""

PATIENCE = 60.0


class Runner:
    """`klsweep run` as a process of its own."""

    def __init__(self, spec: Path, results: Path, workers: int) -> None:
        arguments = ["run", spec, "--results", results, "--workers", str(workers), "--device", "cpu"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "klsweep", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.store = Store(results / "small")

    def until_training(self) -> None:
        """Wait for a fleet that has trained and is not done."""
        until(lambda: self.workers() and self.store.work.jobs_under_way())
        time.sleep(0.5)

    def workers(self) -> list[int]:
        """Processes that train: those in groups of their own below this runner."""
        return [pid for pid in descendants(self.process.pid) if os.getpgid(pid) == pid]

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """No test that fails leaves a runner behind."""
        self.process.kill()
        self.process.communicate()


def until(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    """Living processes below `pid`, whichever of its threads started them."""
    below = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            below += [int(each) for each in thread.read_text().split() if fake_works.alive(int(each))]
    return below + [each for child in below for each in descendants(child)]


def rows(results: Path) -> list[dict[str, str]]:
    """runs.csv without the one column that is a measurement of time."""
    (report,) = api.report(results / "small")
    with (report.directory / "runs.csv").open() as file:
        return [
            {name: cell for name, cell in row.items() if name != "train_seconds"}
            for row in csv.DictReader(file)
        ]


def curves(results: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in results.glob("small/jobs/*/curve.csv")}


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "small.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def undisturbed(spec, tmp_path_factory) -> Path:
    """The sweep, run through without a stop."""
    results = tmp_path_factory.mktemp("undisturbed")
    assert api.run(spec, results=results, device="cpu", workers=2).exit_code == 0
    return results


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_runners_and_killed_workers_leave_no_trace_in_the_results(
    spec, undisturbed, tmp_path, workers
):
    with Runner(spec, tmp_path, workers) as first:
        first.until_training()
        orphans = first.workers()
    until(lambda: not any(map(fake_works.alive, orphans)))

    with Runner(spec, tmp_path, workers) as second:
        second.until_training()
        os.kill(second.workers()[0], signal.SIGKILL)
        code, out, err = second.end()
    assert code == 0, err
    assert "8 ok" in out
    assert "killed by SIGKILL (out of memory?); it is tried once more" in err
    assert rows(tmp_path) == rows(undisturbed)
    assert curves(tmp_path) == curves(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_sweep_says_how_to_go_on_and_goes_on_from_its_checkpoint(
    spec, undisturbed, tmp_path, number, code
):
    with Runner(spec, tmp_path, 2) as runner:
        runner.until_training()
        os.killpg(runner.process.pid, number)  # as a terminal or a scheduler does: to the fork server as well
        ended, out, err = runner.end()
    assert ended == code, err
    assert "Traceback" not in err
    assert "To go on:\n  klsweep run " in out
    assert "keep a checkpoint" in err
    checkpoints = list(runner.store.work.path.glob("*/checkpoint"))
    assert checkpoints
    assert not runner.store.work.jobs_under_way()

    epochs = []
    summary = api.run(
        spec,
        results=tmp_path,
        device="cpu",
        workers=2,
        listen=lambda event: epochs.append(vars(event).get("epoch")),
    )
    assert summary.exit_code == 0
    assert next(epoch for epoch in epochs if epoch) > 1, "it began again instead of going on"
    assert rows(tmp_path) == rows(undisturbed)
    assert curves(tmp_path) == curves(undisturbed)


@pytest.mark.slow
def test_training_in_this_process_gives_the_same_results(spec, undisturbed, tmp_path):
    # 2 workers for half the threads
    assert api.run(spec, results=tmp_path, device="cpu", workers=2, backend="inline").exit_code == 0
    assert rows(tmp_path) == rows(undisturbed)
    assert curves(tmp_path) == curves(undisturbed)


UNGUARDED = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
import fake_works
from klsweep import spec
from klsweep.running.runner import Options, run

print("the script runs", flush=True)
sweep = spec.read_text({spec!r}, ["seed=0"])
summary = run(sweep, Options(results=Path("results"), device="cpu", workers=2), work=fake_works.{work})
print("exit code", summary.exit_code)
"""


def script(tmp_path, work) -> list[str]:
    text = UNGUARDED.format(here=str(Path(__file__).parent), spec=SPEC, work=work)
    (tmp_path / "script.py").write_text(text)
    return [sys.executable, str(tmp_path / "script.py")]


def test_a_script_without_a_main_guard_is_not_run_again_in_its_children(tmp_path):
    done = subprocess.run(
        script(tmp_path, "obedient"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout.splitlines() == ["the script runs", "exit code 0"], done.stderr
    assert done.stderr == ""


def test_no_worker_outlives_its_runner(tmp_path):
    with subprocess.Popen(script(tmp_path, "deaf"), cwd=tmp_path, stdout=subprocess.DEVNULL) as runner:
        pids = tmp_path / "results" / "pids"
        try:
            until(lambda: len(list(pids.glob("[0-9]*"))) == 2)
            below = descendants(runner.pid)
        finally:
            runner.kill()
            runner.wait()
        killed, workers = time.monotonic(), {int(path.name) for path in pids.iterdir()}
        until(lambda: not any(map(fake_works.alive, workers)))
        assert time.monotonic() - killed < 2
        until(
            lambda: not any(map(fake_works.alive, below))
        )  # the server of children takes its time to unload torch
    assert workers <= set(below)
