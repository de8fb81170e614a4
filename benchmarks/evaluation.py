"""What evaluation costs: a fleet of the default MNIST sweep trained with all its measuring, and without any.

    python benchmarks/evaluation.py            # some minutes

"Without" has no validation split and one test datum, and measures nothing more; "with" validates every epoch, tests on
10,000 data, and measures the default metrics and the pictures of every job. Both take the same optimiser steps on data
of MNIST's size, alternately, in one thread: a digit's values do not change the time. CPU seconds, so that other work
on the machine counts less.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from klsweep.data import Data
from klsweep.metrics import DEFAULT
from klsweep.spec.job import Job
from klsweep.train import Setting, measured, train

MEMBERS = 27  # the 54 jobs of the default sweep make two fleets on two cores
STEPS = 100  # of each epoch; the split sizes below are scaled with them
EPOCHS = 4
BATCH = 128
TRAINING = 54_000  # data of the sweep's epoch, to scale by
CPU = torch.device("cpu")


def random_data(*, evaluated: bool) -> Data:
    """`STEPS` batches to train on, and as much to evaluate for them as the sweep has."""
    rng = np.random.default_rng(0)
    scale = STEPS * BATCH / TRAINING

    def pictures(count: int) -> np.ndarray:
        return rng.random((count, 1, 28, 28), dtype=np.float32)

    valid, test = (round(6_000 * scale), round(10_000 * scale)) if evaluated else (0, 1)
    return Data(pictures(STEPS * BATCH), pictures(valid), pictures(test))


def jobs() -> list[Job]:
    """A fleet of the default sweep's shape."""
    base = {
        "dataset": "digits",
        "latent_dim": 10,
        "model": {"kind": "mlp", "hidden": [200]},
        "train": {"epochs": EPOCHS, "batch_size": BATCH},
    }
    return [Job.model_validate({**base, "beta": 1.0 + index}) for index in range(MEMBERS)]


def seconds(fleet: list[Job], data: Data, *, evaluated: bool) -> float:
    """CPU seconds of training, and of measuring where that is asked."""
    started = time.process_time()
    results = train(fleet, data, Setting())
    if evaluated:
        for job, result in zip(fleet, results, strict=True):
            measured(result, job, data, metrics=DEFAULT, device=CPU)
    return time.process_time() - started


def main() -> None:
    """Measure alternately and print the medians and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="times each is measured")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    fleet, data = jobs(), {evaluated: random_data(evaluated=evaluated) for evaluated in (False, True)}
    seconds(fleet, data[True], evaluated=True)  # first calls load and allocate
    pairs = [[seconds(fleet, data[each], evaluated=each) for each in (False, True)] for _ in range(repeats)]
    without, whole = (statistics.median(times) for times in zip(*pairs, strict=True))
    share = statistics.median(with_ / bare - 1 for bare, with_ in pairs)
    table = Table("training", "training and evaluation", "evaluation / training")
    table.add_row(f"{without:.2f} s", f"{whole:.2f} s", f"{100 * share:.1f} %")
    Console().print(table)


if __name__ == "__main__":
    main()
