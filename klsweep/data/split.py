"""Splits: which rows of a pool train, validate and test, and how values in [0, 1] become coins.

Everything random comes from numpy generators keyed by the split seed and a purpose, so it depends on
nothing but the data set's own settings.
"""

from typing import Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from klsweep.errors import DataError, Problem

T = TypeVar("T")
Array = NDArray[np.float32]
Rows = NDArray[np.intp]
Sizes = tuple[int, int, int]
Binarize = Literal["none", "threshold", "static", "dynamic"]


class Splits(NamedTuple, Generic[T]):
    """One value for each split."""

    train: T
    valid: T
    test: T


def generator(seed: int, purpose: str) -> np.random.Generator:
    """The stream of random numbers of one purpose; streams of two purposes are independent."""
    return np.random.default_rng([seed, int.from_bytes(purpose.encode(), "big")])


def held_out(total: int, share: float) -> int:
    """How many of `total` data a positive share holds out: the nearest number, and at least one."""
    return max(1, round(share * total)) if share else 0


def sizes(pool: int, test: int, *, valid: float, limit: int | None) -> Sizes:
    """(train, valid, test) of a pool for train and valid, and of a test set, both cut to `limit` data."""
    cap = max(pool, test) if limit is None else limit
    pool, test = min(pool, cap), min(test, cap)
    validating = held_out(pool, valid)
    if pool - validating < 1:
        raise DataError(
            [_empty("training", f"{pool} in the pool, {validating} held out by valid: {valid:g}")]
        )
    if test < 1:
        raise DataError([_empty("test", f"{pool} in the pool, none to test on")])
    return pool - validating, validating, test


def rows(pool: int, cut: Sizes, *, seed: int, test: int | None = None) -> Splits[Rows]:
    """The rows of each split, shuffled; `test` is the size of a separate test array, None where there is none.

    One array is dealt from both ends of one permutation, so the rows under a `limit` are among those without.
    """
    training, validating, testing = cut
    order = generator(seed, "split").permutation(pool)
    if test is None:
        tested, order = order[:testing], order[::-1]
    else:
        tested = np.sort(generator(seed, "test").permutation(test)[:testing])
    return Splits(order[validating : validating + training], order[:validating], tested)


def take(values: NDArray[Any], at: Splits[Rows], *, test: NDArray[Any] | None = None) -> Splits[NDArray[Any]]:
    """The values of each split, [n, ...]; those of the test split from `test` where it is an array of its own."""
    return Splits(values[at.train], values[at.valid], (values if test is None else test)[at.test])


def binarized(values: Splits[Array], how: Binarize, *, seed: int) -> Splits[Array]:
    """Each split as zeros and ones; `dynamic` leaves the training values as the probabilities they are."""
    if how == "none":
        return values
    _check_probabilities(values, how)
    if how == "threshold":
        return Splits(*((split > 0.5).astype(np.float32) for split in values))
    drawn = [_drawn(split, generator(seed, f"binarize {name}")) for name, split in _named(values)]
    return Splits(values.train if how == "dynamic" else drawn[0], drawn[1], drawn[2])


def in_unit_interval(values: Splits[Array]) -> bool:
    """Whether every value of every split lies in [0, 1]."""
    return all(bool(split.min() >= 0 and split.max() <= 1) for split in values if split.size)


def _drawn(probability: Array, random: np.random.Generator) -> Array:
    """x ~ Bernoulli(probability), each value once."""
    return (random.random(probability.shape, dtype=np.float32) < probability).astype(np.float32)


def _named(values: Splits[T]) -> list[tuple[str, T]]:
    return list(zip(Splits._fields, values, strict=True))


def _check_probabilities(values: Splits[Array], how: Binarize) -> None:
    if not in_unit_interval(values):
        low = min(float(split.min()) for split in values if split.size)
        high = max(float(split.max()) for split in values if split.size)
        raise DataError(
            [
                Problem(
                    "dataset.binarize",
                    f"{how}, but the values run from {low:g} to {high:g}",
                    "values in [0, 1], the probabilities of a one",
                    "write binarize: none, or bring the values to [0, 1] (scale: unit for npz and npy)",
                )
            ]
        )


def _empty(split: str, found: str) -> Problem:
    return Problem(
        "dataset",
        f"no {split} data ({found})",
        "at least one datum to train on and one to test on",
        "give more data, raise limit, or lower valid or test",
    )
