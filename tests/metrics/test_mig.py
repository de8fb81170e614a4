"""The mutual information gap against exact information, counted by hand or integrated."""

import math

import numpy as np
import pytest
from known_factors import encoded, evidence, grid, standardised
from scipy import stats
from scipy.optimize import brentq

from klsweep.metrics.disentanglement.mig import Mig

SIZES = (3, 4, 6)


def score(codes, factors, **settings) -> float:
    """`mig_score` of codes."""
    return Mig(**settings).measure(evidence(encoded(codes, factors)))["mig_score"]


@pytest.mark.parametrize("spacing", ["frequency", "width"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 0, 1)])
def test_one_latent_for_each_factor_scores_one_in_any_order_of_latents(spacing, order):
    factors = grid(SIZES)
    codes = np.column_stack([standardised(factors), np.zeros(len(factors))])[:, order]
    assert score(codes, factors, spacing=spacing) == pytest.approx(
        1, abs=1e-12
    )  # counts are exact, logarithms to 1e-16


def test_the_gap_is_the_one_counted_by_hand():
    factor = np.array([[0]] * 4 + [[1]] * 4)
    told = [0, 0, 0, 0, 0, 1, 1, 1]  # one of eight is wrong
    untold = [0, 0, 1, 1, 0, 0, 1, 1]
    # p(v, z): (0, 0) 4/8, (1, 0) 1/8, (1, 1) 3/8; p(v) 1/2; p(z) 5/8, 3/8
    first = 4 / 8 * math.log(8 / 5) + 1 / 8 * math.log(2 / 5) + 3 / 8 * math.log(2)
    assert score(np.column_stack([untold, told]), factor) == pytest.approx(first / math.log(2), abs=1e-12)


def test_each_gap_is_a_share_of_the_entropy_of_its_own_factor():
    factors = grid((2, 4))
    codes = np.column_stack([factors[:, 0], factors[:, 1] // 2])  # all of one bit, one of two bits
    assert score(codes, factors) == pytest.approx((1 / 1 + 1 / 2) / 2, abs=1e-12)  # not (1 + 1) / (1 + 2)


def test_noise_tells_no_more_than_its_share_of_chi_squared():
    rng = np.random.default_rng(0)
    n, bins, latents = 5000, 20, 6
    factors = np.column_stack([rng.integers(0, size, n) for size in SIZES])
    measured = Mig(bins=bins).measure(evidence(encoded(rng.normal(size=(n, latents)), factors)))
    # 2 n I is chi squared with (bins - 1)(size - 1) degrees of freedom where nothing is told; the gap is at most I_1,
    # the greatest of the latents': no factor exceeds this with probability 1e-6.
    least = [stats.chi2.isf(1e-6 / latents / len(SIZES), (bins - 1) * (size - 1)) / (2 * n) for size in SIZES]
    bound = np.mean([told / math.log(size) for told, size in zip(least, SIZES, strict=True)])
    assert 0 <= measured["mig_score"] < bound < 0.03
    assert 0 <= measured["mig_sampled_score"] < bound


def test_a_factor_told_twice_scores_nothing():
    factors = grid(SIZES)
    assert score(np.column_stack([standardised(factors)] * 2), factors) == 0


def test_codes_that_mix_two_factors_evenly_score_nothing():
    factors = grid((4, 4))
    first, second = (2 * factors - 3).T  # -3, -1, 1, 3
    assert score(np.column_stack([first + second, first - second]), factors) == pytest.approx(0, abs=1e-12)


def test_codes_that_are_the_same_for_all_data_score_nothing():
    factors = grid(SIZES)
    measured = Mig().measure(evidence(encoded(np.full((len(factors), 4), 0.3), factors, logvar=-np.inf)))
    assert measured == {"mig_score": 0, "mig_sampled_score": 0}


def test_one_latent_alone_has_no_runner_up():
    factors = grid((2,), 5)
    assert score(factors, factors) == pytest.approx(1, abs=1e-12)


def test_a_collapsed_latent_tells_nothing_by_its_tiny_means():
    factors = grid(SIZES, 70)
    tiny = 0.01 * standardised(factors)  # a signal-to-noise ratio of 1e-4 at posterior variance 1
    measured = Mig().measure(evidence(encoded(tiny, factors, logvar=0.0)))
    assert measured["mig_score"] == 0
    # the information of a sample is n ratio / 2n nats over the chi squared of noise, as in the test of noise
    bins, n = 20, len(factors)
    bound = np.mean(
        [stats.ncx2.isf(1e-6, (bins - 1) * (k - 1), n * 1e-4) / (2 * n) / math.log(k) for k in SIZES]
    )
    assert measured["mig_sampled_score"] < bound < 0.03


def test_a_latent_of_small_scale_has_not_collapsed_if_its_posterior_is_narrower_still():
    factors = grid(SIZES)
    tiny = encoded(0.01 * standardised(factors), factors, logvar=-16.0)
    assert Mig().measure(evidence(tiny))["mig_score"] == pytest.approx(1, abs=1e-12)


def test_a_sampled_z_tells_what_a_gaussian_channel_passes():
    n, half, bins = 20_000, 1.0, 20  # v = -1 or 1, q(z|x) = N(v, 1)
    factors = grid((2,), n // 2)
    measured = Mig(bins=bins).measure(evidence(encoded(2 * half * factors - half, factors, logvar=0.0)))
    at = np.linspace(0, 1, bins + 1)[1:-1]
    mixed = [brentq(lambda z, p=p: stats.norm.cdf([z - half, z + half]).mean() - p, -9, 9) for p in at]
    edges = np.array([-np.inf, *mixed, np.inf])
    given = np.array([np.diff(stats.norm.cdf(edges - mean)) for mean in (-half, half)])  # p(bin | v)
    ratio = np.log(given * bins)
    told, spread = (given * ratio).sum() / 2, np.sqrt((given * ratio**2).sum() / 2 / n)
    tolerance = (4 * spread + (bins - 1) / (2 * n)) / math.log(
        2
    )  # 4 standard errors and the bias of the estimate
    assert measured["mig_sampled_score"] == pytest.approx(told / math.log(2), abs=tolerance)
    assert measured["mig_score"] == pytest.approx(
        1, abs=1e-12
    )  # the means alone: as if the channel had no noise


def test_a_factor_of_more_values_than_bins_reaches_what_the_bins_hold():
    factors = grid((40,), 3)
    assert score(factors, factors, bins=20) == pytest.approx(math.log(20) / math.log(40), abs=1e-12)
    assert score(factors, factors, bins=40) == pytest.approx(1, abs=1e-12)


def test_a_latent_of_few_values_keeps_them_however_rare_they_are():
    factors = np.array([[0]] * 3 + [[1]] * 97)  # less than one bin of twenty
    assert score(factors, factors) == pytest.approx(1, abs=1e-12)


def test_bins_of_equal_counts_do_not_see_an_outlier_that_empties_bins_of_equal_width():
    rng = np.random.default_rng(0)
    factors = grid((5,), 200)
    code = factors + rng.uniform(-0.4, 0.4, factors.shape)
    code[0] = -1000
    assert score(code, factors) == pytest.approx(
        1, abs=1e-12
    )  # four bins for each value, and the outlier in its own
    assert score(code, factors, spacing="width") < 0.01


def test_bins_of_equal_counts_do_not_see_a_latent_bent():
    rng = np.random.default_rng(0)
    factors = grid((3, 7), 50)
    codes = standardised(factors) + rng.normal(size=factors.shape)
    assert score(np.exp(codes), factors) == pytest.approx(score(codes, factors), abs=1e-12)


def test_a_factor_of_one_value_is_left_out():
    factors = grid((1, *SIZES))  # as the colour of dSprites
    assert score(standardised(factors[:, 1:]), factors) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("factors", [None, np.zeros((5, 2), int)])
def test_without_a_factor_that_varies_there_is_no_score(factors):
    measured = Mig().measure(evidence(encoded(np.arange(10.0).reshape(5, 2), factors)))
    assert measured == {"mig_score": None, "mig_sampled_score": None}
