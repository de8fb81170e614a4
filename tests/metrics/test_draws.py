"""Draws are of the size asked for, all different, of the law they claim, and the same for one seed."""

import math

import torch
from scipy import stats
from worlds import encoded, evidence, generator, normal

from klsweep.metrics.draws import prior, rows


def test_rows_are_different_and_in_order() -> None:
    chosen = rows(100, 30, generator("rows")).tolist()
    assert len(chosen) == len(set(chosen)) == 30
    assert chosen == sorted(chosen)
    assert chosen[0] >= 0
    assert chosen[-1] < 100


def test_every_row_is_as_likely_as_another() -> None:
    counts = torch.zeros(10)
    for seed in range(2000):
        counts[rows(10, 3, generator("rows", seed))] += 1
    # each count is binomial(2000, 0.3); 4 standard errors
    assert (counts - 600).abs().max() < 4 * math.sqrt(2000 * 0.3 * 0.7)


def test_all_rows_where_there_are_no_more() -> None:
    for size in (5, 6, 500):
        assert rows(5, size, generator("rows")).tolist() == [0, 1, 2, 3, 4]


def test_the_prior_is_standard_normal_and_the_same_for_one_purpose_and_seed() -> None:
    given = evidence(encoded(normal(3, 4)))
    z = prior(given, 500, "a purpose")
    assert z.shape == (500, 4)
    assert (
        stats.kstest(z.flatten().double().numpy(), "norm").pvalue > 1e-4
    )  # a fixed draw, so it fails always or never
    assert torch.equal(z, prior(given, 500, "a purpose"))
    assert not torch.equal(z, prior(given, 500, "another purpose"))
