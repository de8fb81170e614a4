"""What fleets gain: so many jobs by klsweep's engine, and by a good hand-written loop one at a time or in processes.

    python benchmarks/fleets.py                         # ten minutes
    python benchmarks/fleets.py --models tiny --sizes 1 9

Prints for each model and number of jobs the milliseconds of one step of one job: the wall time of all jobs, by their
number and their steps. Nothing is started in the timed part, and every job takes the same steps. The jobs are cut into
fleets, and these are given to workers, as `klsweep run` does it; the loop is timed as one process of all threads and as
a process of one thread for each core, and the ratio is that to the better of the two. All are measured
alternately, and medians are shown. `--device cuda` puts one worker on a GPU, and the loop too.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import by_hand
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from klsweep.data import Data
from klsweep.running.child import TUNED
from klsweep.running.devices import choose_hands, cores
from klsweep.running.fleets import fleets
from klsweep.spec.job import Job
from klsweep.train import Setting, train

BATCH = 128


@dataclass(frozen=True)
class Network:
    """One architecture, as klsweep names it and as it is written by hand."""

    model: dict[str, Any]
    shape: tuple[int, ...]
    latent: int
    by_hand: Callable[[], Any]
    steps: int  # timed of one job
    most: int  # jobs, beyond which nothing changes


def _mnist() -> Any:
    return by_hand.mlp(784, 512, 16)


def _tiny() -> Any:
    return by_hand.mlp(64, 128, 10)


def _conv() -> Any:
    return by_hand.conv((32, 64), 256, 16)


NETWORKS = {
    "mnist": Network({"kind": "mlp", "hidden": [512]}, (1, 28, 28), 16, _mnist, 40, 256),
    "tiny": Network({"kind": "mlp", "hidden": [128]}, (1, 8, 8), 10, _tiny, 640, 256),
    "conv": Network({"kind": "conv", "channels": [32, 64], "hidden": 256}, (1, 28, 28), 16, _conv, 16, 9),
}
SIZES = (1, 4, 9, 16, 64, 256)


@cache
def data(name: str, steps: int) -> Data:
    """One epoch of `steps` batches, and next to nothing to evaluate."""
    values = np.random.default_rng(0).random((steps * BATCH + 8, *NETWORKS[name].shape), dtype=np.float32)
    return Data(values[:-8], values[:0], values[-8:])


def by_fleet(name: str, jobs: Sequence[Job], steps: int, threads: int, device: str) -> None:
    """Train one fleet."""
    torch.set_num_threads(threads)
    train(jobs, data(name, steps), Setting(device=torch.device(device)))


def by_loop(name: str, betas: Sequence[float], steps: int, threads: int, device: str) -> None:
    """Train one job after another."""
    torch.set_num_threads(threads)
    network = NETWORKS[name]
    x = torch.from_numpy(data(name, steps).train).to(device)
    x = x.flatten(1) if name != "conv" else x
    for beta in betas:
        by_hand.train(network.by_hand(), x, beta=beta, epochs=1)
    if device != "cpu":
        torch.cuda.synchronize()


def jobs_of(name: str, size: int) -> list[Job]:
    """Jobs that differ in beta alone."""
    base = {
        "dataset": "digits",
        "model": NETWORKS[name].model,
        "latent_dim": NETWORKS[name].latent,
        "train": {"epochs": 1, "batch_size": BATCH},
    }
    return [Job.model_validate({**base, "beta": 1.0 + index}) for index in range(size)]


class Workers:
    """Processes that are there already, and have torch loaded."""

    def __init__(self, count: int, tuned: dict[str, str]) -> None:
        os.environ.update(tuned)  # before they start, for it is their C library that reads it
        self.pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
        for done in [self.pool.submit(time.sleep, 1.0) for _ in range(count)]:
            done.result()
        for name in tuned:
            del os.environ[name]

    def seconds(self, work: Callable[..., None], tasks: Sequence[tuple[Any, ...]]) -> float:
        """Wall time of all tasks."""
        started = time.perf_counter()
        for done in [self.pool.submit(work, *task) for task in tasks]:
            done.result()
        return time.perf_counter() - started


def measured(
    name: str, size: int, *, repeats: int, device: str, crews: tuple[Workers, Workers]
) -> tuple[float, ...]:
    """Median milliseconds of a step of a job: (by fleets, by the loop on all threads, by the loop in processes)."""
    ours, theirs = crews
    most = cores()
    steps = NETWORKS[name].steps
    planned = fleets(jobs_of(name, size), device, cores=most)
    hands = choose_hands((device,), None, len(planned))
    stacked = [(name, fleet.jobs, steps, hands.threads, device) for fleet in planned]
    few = min(size, 2 * most)  # one job after another takes as long each, so some are enough
    betas = [1.0 + index for index in range(few)]
    # a pool of as many processes as cores gives one task to one of them
    whole = [(name, betas[:2], steps, most, device)]
    split = [(name, [beta], steps, 1, device) for beta in betas]
    found = [
        (
            ours.seconds(by_fleet, stacked) / size,
            theirs.seconds(by_loop, whole) / len(betas[:2]),
            theirs.seconds(by_loop, split) / few,
        )
        for _ in range(repeats + 1)  # the first to load and allocate
    ]
    return tuple(1e3 * statistics.median(times) / steps for times in zip(*found[1:], strict=True))


def main() -> None:
    """Measure every model at every size and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--repeats", type=int, default=3, help="times each is measured")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    count = cores() if asked.device == "cpu" else 1
    crews = Workers(count, TUNED), Workers(count, {})
    table = Table("model", "jobs", "klsweep", "loop, all threads", "loop, processes", "better loop / klsweep")
    for name in asked.models:
        for size in (size for size in asked.sizes if size <= NETWORKS[name].most):
            ours, whole, split = measured(name, size, repeats=asked.repeats, device=asked.device, crews=crews)
            ratio = min(whole, split) / ours
            table.add_row(name, str(size), f"{ours:.3f}", f"{whole:.3f}", f"{split:.3f}", f"{ratio:.2f}")
    Console(width=100).print(table)
    for crew in crews:
        crew.pool.shutdown()


if __name__ == "__main__":
    main()
