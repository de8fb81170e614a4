"""Splits share no datum, depend on the split seed alone, and are drawn with the right frequencies."""

from pathlib import Path

import numpy as np
import pytest

from klsweep.data import Digits, Npy
from klsweep.data.split import held_out, sizes
from klsweep.errors import DataError

COINS = {0.0, 1.0}


@pytest.fixture
def numbers(tmp_path: Path) -> str:
    """200 data that can be told apart: the datum i is [i, -i]."""
    path = tmp_path / "numbers.npy"
    np.save(path, np.stack([np.arange(200.0), -np.arange(200.0)], 1))
    return str(path)


def first_of(values: np.ndarray) -> list[float]:
    return values[:, 0].tolist()


def test_every_datum_is_in_exactly_one_split(numbers: str) -> None:
    data = Npy(path=numbers, valid=0.25, test=0.3).load()
    together = [*first_of(data.train), *first_of(data.valid), *first_of(data.test)]
    assert sorted(together) == list(range(200))
    assert [len(split) for split in data.splits] == [105, 35, 60]  # 60 of 200, then 35 of 140


def test_the_same_seed_splits_alike_and_another_seed_differently(numbers: str) -> None:
    one, again, other = (Npy(path=numbers, split_seed=seed).load() for seed in (3, 3, 4))
    assert np.array_equal(one.train, again.train)
    assert np.array_equal(one.test, again.test)
    assert first_of(one.train) != first_of(other.train)
    assert set(first_of(one.test)) != set(first_of(other.test))


def test_splits_are_shuffled(numbers: str) -> None:
    train = np.array(first_of(Npy(path=numbers).load().train))
    # under a uniform order the correlation of place and value has deviation 1/sqrt(n - 1)
    assert abs(np.corrcoef(np.arange(len(train)), train)[0, 1]) < 4 / np.sqrt(len(train) - 1)


def test_a_limited_split_holds_some_of_the_same_data_and_leaks_none(numbers: str) -> None:
    whole, cut = Npy(path=numbers).load(), Npy(path=numbers, limit=30).load()
    pool = {*first_of(whole.train), *first_of(whole.valid)}
    assert len(cut.train) + len(cut.valid) == len(cut.test) == 30
    assert {*first_of(cut.train), *first_of(cut.valid)} < pool
    assert set(first_of(cut.test)) < set(first_of(whole.test))


def test_no_validation_share_gives_no_validation_data(numbers: str) -> None:
    data = Npy(path=numbers, valid=0.0).load()
    assert data.valid.shape == (0, 2)
    assert len(data.train) == 160


def test_a_share_is_never_rounded_away() -> None:
    assert held_out(3, 0.1) == 1
    assert held_out(3, 0.0) == 0
    assert held_out(60_000, 0.1) == 6_000


def test_an_empty_split_is_an_error_that_says_which() -> None:
    with pytest.raises(DataError, match=r"no training data .1 in the pool, 1 held out by valid: 0\.1"):
        sizes(100, 20, valid=0.1, limit=1)
    with pytest.raises(DataError, match="no test data"):
        sizes(100, 0, valid=0.1, limit=None)
    assert sizes(100, 20, valid=0.0, limit=1) == (1, 0, 1)


def test_a_static_draw_has_the_values_as_frequencies() -> None:
    grey, drawn = Digits().load(), Digits(binarize="static").load()
    for probability, coins in zip(grey.splits, drawn.splits, strict=True):
        assert set(np.unique(coins)) == COINS
        # the sum of independent coins has variance sum p(1 - p); 4 standard errors
        error = np.sqrt(np.sum(probability * (1 - probability), dtype=np.float64))
        assert abs(coins.sum(dtype=np.float64) - probability.sum(dtype=np.float64)) < 4 * error
        assert not coins[probability == 0].any()
        assert coins[probability == 1].all()


def test_a_static_draw_is_repeated_by_its_seed_and_differs_between_splits_and_seeds(tmp_path: Path) -> None:
    halves = tmp_path / "halves.npy"
    np.save(halves, np.full((900, 4), 0.5))
    one, again, other = (Npy(path=str(halves), binarize="static", split_seed=s).load() for s in (1, 1, 2))
    assert np.array_equal(one.train, again.train)
    assert not np.array_equal(one.train, other.train)
    assert not np.array_equal(one.train[: len(one.test)], one.test)


def test_dynamic_keeps_training_probabilities_and_draws_the_rest_as_static_does() -> None:
    grey, drawn, static = Digits().load(), Digits(binarize="dynamic").load(), Digits(binarize="static").load()
    assert drawn.dynamic
    assert not grey.dynamic
    assert not static.dynamic
    assert np.array_equal(drawn.train, grey.train)
    assert np.array_equal(drawn.valid, static.valid)
    assert np.array_equal(drawn.test, static.test)


def test_threshold_is_above_one_half() -> None:
    grey, cut = Digits().load(), Digits(binarize="threshold").load()
    assert np.array_equal(cut.test == 1, grey.test > 0.5)
    assert set(np.unique(cut.train)) == COINS


def test_values_beyond_the_unit_interval_cannot_be_binarised(numbers: str) -> None:
    with pytest.raises(DataError, match=r"dataset\.binarize: static, but the values run from -199 to 199"):
        Npy(path=numbers, binarize="static").load()
