"""Small jobs and data, and what it means that two results are the same to the bit."""

from functools import cache
from typing import Any

import numpy as np

from klsweep.data import Data, Digits
from klsweep.result import Result
from klsweep.spec.job import Job, Train
from klsweep.train import Setting, train
from klsweep.vae.models import Mlp

INPUT_DIM = 64


@cache
def digits(training: int = 300, *, validating: int = 60, testing: int = 100, dynamic: bool = False) -> Data:
    data = Digits().load()
    return Data(data.train[:training], data.valid[:validating], data.test[:testing], dynamic=dynamic)


def job(
    beta: float | None = 1.0, *, seed: int = 0, length: dict[str, Any] | None = None, **given: Any
) -> Job:
    """A small job; `length` holds the settings of `train`, all others are those of the job."""
    length = {"batch_size": 64, **({} if length and "steps" in length else {"epochs": 1}), **(length or {})}
    settings = {"dataset": Digits(), "model": Mlp(hidden=(32,)), "latent_dim": 4, "beta": beta, **given}
    return Job(seed=seed, train=Train(**length), **settings)


def trained(*jobs: Job, data: Data | None = None, setting: Setting | None = None) -> list[Result]:
    return train(jobs, data or digits(), setting or Setting())


def same_bits(one: Result, other: Result) -> bool:
    """Whether two results are equal in all but the time they took."""
    return _without_time(one) == _without_time(other)


def _without_time(result: Result) -> tuple[Any, ...]:
    return (
        result.job_id,
        result.status,
        result.error,
        {name: repr(value) for name, value in result.row.items() if name != "train_seconds"},
        [{name: repr(value) for name, value in row.items()} for row in result.curve],  # NaN is NaN here
        {name: value.tobytes() for name, value in result.arrays.items()},
        {name: value.tobytes() for name, value in result.weights.items()},
    )


def furthest(one: Result, other: Result) -> float:
    """The largest difference between two results' weights."""
    return max(float(np.abs(one.weights[name] - other.weights[name]).max()) for name in one.weights)
