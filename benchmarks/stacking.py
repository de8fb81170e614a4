"""What stacking gains: the same jobs trained as one fleet, and one after another, in one thread of one process.

    python benchmarks/stacking.py            # a few minutes
    python benchmarks/stacking.py --repeats 1

Prints, for each model and fleet size, the median seconds per job both ways and their ratio, measured alternately.
Data are random pictures of MNIST's size; every job takes the same steps, so nobody wins by training less.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from klsweep.data import Data
from klsweep.spec.job import Job
from klsweep.train import Setting, train

MODELS = {
    "mlp 784-200-10": ({"kind": "mlp", "hidden": [200]}, (1, 28, 28)),
    "mlp 784-512-10": ({"kind": "mlp", "hidden": [512]}, (1, 28, 28)),
    "mlp 64-32-10": ({"kind": "mlp", "hidden": [32]}, (1, 8, 8)),
    "conv 28x28, 32-64": ({"kind": "conv", "channels": [32, 64]}, (1, 28, 28)),
}
SIZES = (1, 9, 16)
STEPS = 8
BATCH = 128


def pictures(shape: tuple[int, ...]) -> Data:
    """One epoch of `STEPS` batches, and next to nothing to evaluate."""
    values = np.random.default_rng(0).random((STEPS * BATCH + 64, *shape), dtype=np.float32)
    return Data(values[: STEPS * BATCH], values[:0], values[-64:])


def seconds(fleets: list[list[Job]], data: Data) -> float:
    """Wall time of training each fleet after the other."""
    started = time.perf_counter()
    for jobs in fleets:
        train(jobs, data, Setting())
    return time.perf_counter() - started


def measured(
    model: dict[str, object], shape: tuple[int, ...], *, size: int, repeats: int
) -> tuple[float, float]:
    """Median seconds per job, (stacked, one after another)."""
    base = {
        "dataset": "digits",
        "latent_dim": 10,
        "model": model,
        "train": {"epochs": 1, "batch_size": BATCH},
    }
    jobs = [Job.model_validate({**base, "beta": 1.0 + index}) for index in range(size)]
    data = pictures(shape)
    seconds([jobs[:1]], data)  # first calls load and allocate
    pairs = [(seconds([jobs], data), seconds([[job] for job in jobs], data)) for _ in range(repeats)]
    stacked, single = (statistics.median(times) / size for times in zip(*pairs, strict=True))
    return stacked, single


def main() -> None:
    """Measure every model at every size and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3, help="times each pair is measured")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    table = Table("model", "members", "stacked s/job", "single s/job", "single / stacked")
    for name, (model, shape) in MODELS.items():
        for size in SIZES:
            stacked, single = measured(model, shape, size=size, repeats=repeats)
            table.add_row(name, str(size), f"{stacked:.3f}", f"{single:.3f}", f"{single / stacked:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
