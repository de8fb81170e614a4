import math

import numpy as np
import pytest
from scipy import stats as witness

from klsweep.reporting.verdict import bootstrap


@pytest.mark.parametrize("seeds", [3, 4, 6])
def test_few_seeds_have_every_resample_with_its_probability(seeds):
    found = bootstrap.resamples(seeds)
    assert len(found.counts) == math.comb(2 * seeds - 1, seeds)
    np.testing.assert_array_equal(found.counts.sum(axis=1), seeds)
    multinomial = witness.multinomial(seeds, [1 / seeds] * seeds)
    np.testing.assert_allclose(found.probability, multinomial.pmf(found.counts), rtol=1e-12)


@pytest.mark.parametrize("seeds", [3, 5, 6])
def test_widened_means_scatter_as_students_interval_of_the_seeds(seeds):
    """z times their standard deviation is exactly the half width t * sd / sqrt(n)."""
    values = np.random.default_rng(seeds).standard_normal((seeds, 1)) * 3 + 7
    curves, chosen = bootstrap.mean_curves(values, np.array([seeds]))
    mean = np.average(curves[:, 0], weights=chosen.probability)
    scatter = math.sqrt(np.average((curves[:, 0] - mean) ** 2, weights=chosen.probability))
    assert mean == pytest.approx(values.mean())
    low, high = witness.t.interval(0.95, seeds - 1, loc=0, scale=witness.sem(values[:, 0]))
    assert scatter * witness.norm.ppf(0.975) == pytest.approx((high - low) / 2, rel=1e-12)


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_the_interval_of_a_mean_holds_it_in_95_of_100_cases_and_a_plain_one_does_not(seeds):
    trials, hits, plain = 2000, 0, 0
    rng = np.random.default_rng(0)
    for _ in range(trials):
        values = rng.standard_normal((seeds, 1))
        curves, chosen = bootstrap.mean_curves(values, np.array([seeds]))
        low, high = chosen.limits(curves[:, 0], curves[:, 0])
        hits += low <= 0 <= high
        narrow = values.mean() + (curves[:, 0] - values.mean()) / bootstrap.widening(seeds)
        low, high = chosen.limits(narrow, narrow)
        plain += low <= 0 <= high
    # four standard errors of a proportion; 1 % more, for percentiles are Student's interval for one shape only
    tolerance = 4 * math.sqrt(0.95 * 0.05 / trials) + 0.01
    assert hits / trials == pytest.approx(0.95, abs=tolerance)
    assert plain / trials < 0.95 - tolerance
    if seeds == 3:  # of three values the range alone: all on one side of the mean in 2 of 8 cases
        assert plain / trials == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / trials))


def test_drawn_resamples_are_the_same_every_time():
    first = bootstrap.resamples(9).counts.copy()
    bootstrap.resamples.cache_clear()
    np.testing.assert_array_equal(bootstrap.resamples(9).counts, first)
