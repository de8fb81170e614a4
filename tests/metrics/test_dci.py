"""Disentanglement, completeness and informativeness: the arithmetic by hand, the forest on codes of known relation."""

import math

import numpy as np
import pytest
from known_factors import encoded, evidence, grid, standardised, unencoded

from klsweep.metrics.disentanglement.dci import Dci, completeness, disentanglement

SIZES = (3, 4, 5)
TREES = 100
EVEN = 2 / math.log(2) * (4 * 0.5 / math.sqrt(TREES)) ** 2
"""1 - H(p) / ln 2 of a share p that is 1/2 but for the luck of the trees.

Ties between two latents are broken tree by tree, so p has a standard error of at most 0.5 / sqrt(trees); at 4 of them,
1 - H(p) / ln 2 = 2 (p - 1/2)^2 / ln 2 to second order.
"""


def scores(codes, factors, training=None, **settings) -> tuple[float, float, float]:
    """D, C and I."""
    measured = Dci(**settings).measure(evidence(encoded(codes, factors), training))
    return tuple(
        measured[f"dci_{name}_score"] for name in ("disentanglement", "completeness", "informativeness")
    )


def test_the_entropies_are_those_counted_by_hand():
    importance = np.array([[1, 1 / 2], [0, 1 / 2]])
    third = -(
        2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3)
    )  # of latent 1: 2/3 for factor 1, 1/3 for factor 2
    assert disentanglement(importance) == pytest.approx(3 / 4 * (1 - third) + 1 / 4 * 1, abs=1e-12)
    assert completeness(importance) == pytest.approx((1 + 0) / 2, abs=1e-12)


def test_the_base_is_the_number_of_factors_for_latents_and_of_latents_for_factors():
    importance = np.array([[1, 0], [0, 1 / 2], [0, 1 / 2]])
    assert disentanglement(importance) == pytest.approx(1, abs=1e-12)
    assert completeness(importance) == pytest.approx((1 + 1 - math.log(2) / math.log(3)) / 2, abs=1e-12)


def test_latents_and_factors_without_importance_have_scores():
    importance = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert disentanglement(importance) == pytest.approx(1, abs=1e-12)  # an unused latent has no weight
    assert completeness(importance) == pytest.approx((1 + 0) / 2, abs=1e-12)
    assert disentanglement(np.zeros((3, 2))) == completeness(np.zeros((3, 2))) == 0


def test_one_latent_for_each_factor_scores_one():
    factors = grid(SIZES, 20)
    codes = np.column_stack([standardised(factors), np.zeros(len(factors))])
    # no split on another latent lowers the impurity of a grid by more than the luck of the bootstrap
    assert scores(codes, factors) == pytest.approx((1, 1, 1), abs=1e-3)


def test_an_unordered_latent_is_as_good_as_an_ordered_one():
    factors = grid(SIZES, 20)
    codes = standardised(
        np.column_stack(
            [
                np.array(order)[v]
                for order, v in zip(([1, 0, 2], [2, 0, 3, 1], [3, 1, 4, 0, 2]), factors.T, strict=True)
            ]
        )
    )
    assert scores(codes, factors) == pytest.approx((1, 1, 1), abs=1e-3)


def test_noise_scores_nothing_and_predicts_as_a_guess_does():
    rng = np.random.default_rng(0)
    n, latents, leaf = 2000, 6, 10
    factors = np.column_stack([rng.integers(0, size, 2 * n) for size in SIZES])
    codes = rng.normal(size=(2 * n, latents))
    training = encoded(codes[n:], factors[n:])
    d, c, i = scores(codes[:n], factors[:n], training, leaf=leaf)
    # A tree makes at least n / (10 leaf) splits, on latents at random, so shares p have a variance of (1 - 1/M) / M
    # over their number, and 1 - H(p) / ln M = (M / 2 ln M) sum (p - 1/M)^2; trees of one forest count once.
    splits = n / (10 * leaf)
    share = (latents - 1) / (2 * math.log(latents) * splits)
    assert 0 <= d < share * math.log(latents) / math.log(len(SIZES)) * 4
    assert 0 <= c < share * 4
    chance = np.array([1 / size for size in SIZES])
    error = math.sqrt((chance * (1 - chance)).sum() / n) / len(
        SIZES
    )  # hits are binomial: no code knows its factor
    assert i == pytest.approx(chance.mean(), abs=4 * error)


def test_codes_that_mix_two_factors_evenly_are_informative_and_nothing_else():
    factors = grid((2, 2), 40)
    first, second = standardised(factors).T
    d, c, i = scores(np.column_stack([first + second, first - second]), factors, trees=TREES)
    assert i == 1  # two latents together tell all
    assert 0 <= d < EVEN
    assert 0 <= c < EVEN


def test_a_factor_told_twice_is_disentangled_and_not_complete():
    factors = grid((3, 4), 20)
    d, c, i = scores(np.column_stack([standardised(factors)] * 2), factors, trees=TREES)
    assert (d, i) == pytest.approx((1, 1), abs=1e-3)
    halves = math.log(2) / math.log(
        4
    )  # the entropy of two latents that share a factor evenly, to the base of four
    assert c == pytest.approx(1 - halves, abs=EVEN * halves + 1e-3)


def test_codes_that_are_the_same_for_all_data_score_nothing_and_predict_as_a_guess_does():
    factors = grid(SIZES)
    assert scores(np.zeros((len(factors), 4)), factors) == pytest.approx(
        (0, 0, np.mean([1 / size for size in SIZES])), abs=1e-12
    )


def test_the_tiny_means_of_collapsed_latents_predict_nothing():
    factors = grid(SIZES)
    collapsed = encoded(0.01 * standardised(factors), factors, logvar=0.0)
    measured = Dci().measure(evidence(collapsed))
    assert measured["dci_disentanglement_score"] == measured["dci_completeness_score"] == 0


def test_only_held_out_data_are_scored():
    rng = np.random.default_rng(0)
    factors = grid((2, 5), 200)
    training = encoded(standardised(factors), factors)
    d, c, i = scores(standardised(rng.permutation(factors)), factors, training)
    assert (d, c) == pytest.approx((1, 1), abs=1e-3)  # what the forest learnt
    error = math.sqrt((0.5 * 0.5 + 0.2 * 0.8) / len(factors)) / 2
    assert i == pytest.approx((0.5 + 0.2) / 2, abs=4 * error)  # does not help it here


def test_one_factor_has_no_disentanglement_and_one_latent_no_completeness():
    factors = grid((3,), 20)
    assert scores(np.column_stack([factors, factors]), factors)[0] is None
    assert scores(factors, factors)[1] is None


def test_the_size_bounds_the_fit_and_the_seed_makes_it():
    rng = np.random.default_rng(0)
    factors = grid((2, 3), 100)
    data = encoded(standardised(factors) + rng.normal(size=factors.shape), factors)
    first, again, other = (Dci(size=100, trees=2).measure(evidence(data, seed=seed)) for seed in (0, 0, 1))
    assert first == again != other


def test_without_factors_there_is_no_score_and_no_training_split():
    given = evidence(encoded(np.zeros((5, 2)), None))
    object.__setattr__(given, "training", unencoded)
    assert set(Dci().measure(given).values()) == {None}


@pytest.mark.parametrize("sizes", [(1, 1), (1,)])
def test_factors_of_one_value_give_no_score(sizes):
    factors = grid(sizes, 5)
    assert set(Dci().measure(evidence(encoded(np.arange(10.0).reshape(5, 2), factors))).values()) == {None}
