"""Separated attribute predictability against balanced accuracies counted by hand."""

import math

import numpy as np
import pytest
from known_factors import encoded, evidence, grid, standardised, unencoded
from scipy import stats
from sklearn.svm import LinearSVC

from klsweep.metrics.disentanglement.sap import Sap

SIZES = (2, 4, 5)


def score(codes, factors, training=None, **settings) -> float:
    """`sap_score` of codes."""
    return Sap(**settings).measure(evidence(encoded(codes, factors), training))["sap_score"]


def test_one_latent_for_each_factor_scores_one_and_unadjusted_what_chance_leaves():
    factors = grid(SIZES, 3)
    codes = standardised(factors)
    assert score(codes, factors) == pytest.approx(
        1, abs=1e-12
    )  # on a grid, other latents are at chance exactly
    assert score(codes, factors, adjusted=False) == pytest.approx(
        np.mean([1 - 1 / size for size in SIZES]), abs=1e-12
    )


def test_the_gap_is_the_one_counted_by_hand():
    factor = np.array([[0]] * 4 + [[1]] * 8)
    best = [0, 0, 0, 1] + [1] * 8  # 3/4 of class 0 and all of class 1
    worse = [0, 1, 1, 1] + [0] * 2 + [1] * 6  # 1/4 of class 0 and 3/4 of class 1, and so at chance
    codes = np.column_stack([worse, best])
    assert score(codes, factor, adjusted=False) == pytest.approx(
        (3 / 4 + 1) / 2 - (1 / 4 + 3 / 4) / 2, abs=1e-12
    )
    assert score(codes, factor) == pytest.approx(2 * (7 / 8 - 4 / 8), abs=1e-12)


def test_a_many_valued_factor_is_read_off_one_latent_by_thresholds_where_a_linear_classifier_fails():
    factors = grid((8, 2), 20)
    code = standardised(factors)[:, :1]
    linear = LinearSVC(C=0.01, class_weight="balanced").fit(code, factors[:, 0]).score(code, factors[:, 0])
    assert linear < 0.5  # the classifier of a public implementation
    shuffled = np.array([3, 6, 0, 5, 1, 7, 4, 2])[factors[:, 0]]
    codes = standardised(np.column_stack([shuffled, factors[:, 1]]))
    assert score(codes, factors) == pytest.approx(1, abs=1e-12)


def test_noise_scores_the_luck_of_the_best_latent():
    rng = np.random.default_rng(0)
    n, latents = 4000, 6
    factors = np.column_stack([rng.integers(0, size, 2 * n) for size in SIZES])
    codes = rng.normal(size=(2 * n, latents))
    gap = score(codes[:n], factors[:n], encoded(codes[n:], factors[n:]))
    # A recall is a mean over n / K data of a hit of probability p, and the p sum to 1: the mean of K recalls has a
    # variance of at most K sum p (1 - p) / n / K^2 <= (1 - 1/K) / n, and 1 - 1/K is what it is rescaled by. The gap is
    # at most the range of the latents, which leaves +-c sigma with probability 1e-6.
    errors = [math.sqrt(1 / (1 - 1 / size) / n) for size in SIZES]
    assert 0 <= gap < 2 * stats.norm.isf(1e-6 / latents / len(SIZES)) * np.mean(errors) < 0.25


def test_a_rare_class_is_not_predicted_by_always_naming_the_common_one():
    rng = np.random.default_rng(0)
    factors = np.column_stack([rng.random(4000) < 0.05, rng.random(4000) < 0.5]).astype(int)
    codes = np.column_stack([rng.normal(size=4000), np.zeros(4000)])
    gap = score(
        codes[:2000], factors[:2000], encoded(codes[2000:], factors[2000:])
    )  # unbalanced, 0.95 and 0.5
    # of a sum of two recalls, each of them a mean of hits of a probability whose variance is at most 1/4
    errors = [math.sqrt(1 / (4 * 2000 * p) + 1 / (4 * 2000 * (1 - p))) for p in (0.05, 0.5)]
    assert abs(gap) < 4 * np.mean(errors)


def test_a_factor_told_twice_scores_nothing():
    factors = grid(SIZES, 3)
    assert score(np.column_stack([standardised(factors)] * 2), factors) == 0


def test_codes_that_mix_two_factors_evenly_score_nothing():
    factors = grid((2, 2), 20)
    first, second = standardised(factors).T
    assert score(np.column_stack([first + second, first - second]), factors) == 0  # each tells 3 of 4


def test_latents_that_collapse_do_not_change_the_score_as_they_do_unadjusted():
    rng = np.random.default_rng(0)
    factors = grid((2,), 2000)
    alive = np.column_stack([factors, rng.normal(size=len(factors))])
    dead = np.column_stack([factors, np.zeros(len(factors))])
    training = [
        encoded(np.column_stack([factors, column]), factors)
        for column in (rng.normal(size=len(factors)), np.zeros(len(factors)))
    ]
    error = math.sqrt(1 / len(factors))  # of twice a mean recall
    assert score(dead, factors, training[1]) == 1
    assert score(alive, factors, training[0]) == pytest.approx(1, abs=4 * error)
    assert score(dead, factors, training[1], adjusted=False) == 1
    assert score(alive, factors, training[0], adjusted=False) == pytest.approx(1 / 2, abs=4 * error / 2)


@pytest.mark.parametrize("adjusted", [True, False])
def test_codes_that_are_the_same_for_all_data_score_nothing(adjusted):
    factors = grid(SIZES)
    assert score(np.full((len(factors), 3), 0.3), factors, adjusted=adjusted) == 0


def test_one_latent_alone_has_no_runner_up():
    factors = grid((3,), 5)
    assert score(factors, factors) == pytest.approx(1, abs=1e-12)


def test_only_held_out_data_are_scored():
    rng = np.random.default_rng(0)
    factors = grid((2, 2), 1000)
    training = encoded(standardised(factors), factors)
    gap = score(standardised(rng.permutation(factors)), factors, training)
    assert abs(gap) < 2 * 4 * math.sqrt(1 / len(factors))  # the range of two latents at chance


def test_values_that_only_one_split_has_are_no_obstacle():
    factors = grid((4, 2), 5)
    held_out = factors[factors[:, 0] != 1]
    score_of = score(held_out, held_out, encoded(factors[factors[:, 0] != 2], factors[factors[:, 0] != 2]))
    # of values 0, 2 and 3, the split fitted has no 2: recalls 1, 0, 1; then (2/3 - 1/3) / (2/3); all of factor 2
    assert score_of == pytest.approx((1 / 2 + 1) / 2, abs=1e-12)


@pytest.mark.parametrize(("training", "held_out"), [([0, 1], [1, 1]), ([1, 1], [0, 1])])
def test_a_factor_of_one_value_in_either_split_is_left_out(training, held_out):
    factors = grid((2, 3), 5)
    fitted = encoded(factors, factors * training)
    assert score(factors, factors * held_out, fitted) == pytest.approx(1, abs=1e-12)


def test_without_factors_there_is_no_score_and_no_training_split():
    given = evidence(encoded(np.zeros((5, 2)), None))
    object.__setattr__(given, "training", unencoded)
    assert Sap().measure(given) == {"sap_score": None}
