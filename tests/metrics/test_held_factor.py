"""The scores that hold one factor fixed, on codes of which the score is known."""

import math

import numpy as np
import pytest
from known_factors import encoded, evidence, grid, standardised, unencoded
from sklearn.linear_model import LogisticRegression

from klsweep.metrics.disentanglement.coded import both, generator_of
from klsweep.metrics.disentanglement.held_factor import BetaVae, FactorVae, Groups

SIZES = (3, 4, 5)
BOTH = pytest.mark.parametrize("kind", [FactorVae, BetaVae])


def score(kind, held_out, training=None, **settings) -> float:
    """The one column of a score."""
    (value,) = kind(**settings).measure(evidence(held_out, training)).values()
    return value


@BOTH
def test_one_latent_for_each_factor_scores_one(kind):
    factors = grid(SIZES, 3)
    assert score(kind, encoded(standardised(factors), factors)) == 1


@BOTH
def test_noise_is_at_chance(kind):
    rng = np.random.default_rng(0)
    n, batch, batches = 20_000, 64, 1000
    factors = np.column_stack([rng.integers(0, 4, 2 * n) for _ in range(2)])
    codes = rng.normal(size=(2 * n, 5))
    value = score(kind, encoded(codes[:n], factors[:n]), encoded(codes[n:], factors[n:]), batch=batch)
    # Binomial, 2 x 1000 batches at 1/2; and the 8 groups, of n / 4 data, are not quite alike: by the share
    # batch / (n / 4) of a batch's own variance, in common to all batches of a group.
    error = math.sqrt(0.25 * (1 / (2 * batches) + batch / (n / 4) / 8))
    assert value == pytest.approx(1 / 2, abs=4 * error)


@BOTH
@pytest.mark.parametrize("logvar", [0.0, -np.inf])
def test_codes_that_are_the_same_for_all_data_are_at_chance_exactly(kind, logvar):
    factors = grid(SIZES)
    assert score(kind, encoded(np.full((len(factors), 3), 0.3), factors, logvar)) == pytest.approx(
        1 / 3, abs=1e-12
    )


@BOTH
def test_dead_latents_take_no_votes_from_live_ones(kind):
    rng = np.random.default_rng(0)
    factors = grid(SIZES, 3)
    dead = np.column_stack([np.full(len(factors), 0.3), 1e-6 * rng.normal(size=len(factors))])
    codes = np.column_stack([dead, standardised(factors)])  # 0 / 0 is no least variance
    logvar = np.array([0, 0, -8, -8, -8])
    assert score(kind, encoded(codes, factors, logvar)) == 1


def test_a_latent_that_is_still_for_two_factors_loses_the_votes_of_one():
    factors = grid((4, 4), 3)
    mixed = standardised(factors) @ [[1, 1], [1, -1]]  # each varies half as much whichever factor is fixed
    value = score(FactorVae, encoded(mixed, factors))
    assert value == pytest.approx(1 / 2, abs=4 * math.sqrt(0.25 / 2000))


def test_a_factor_left_out_is_missed_by_the_votes_and_not_by_the_linear_classifier():
    factors = grid((5, 5, 5), 4)
    without = encoded(standardised(factors)[:, :2], factors)
    assert score(FactorVae, without) == pytest.approx(
        2 / 3, abs=1e-12
    )  # the third's votes go where they are outvoted
    assert score(BetaVae, without) == pytest.approx(
        1, abs=0.01
    )  # neither difference is 0: the published weakness


def test_one_latent_that_mixes_two_factors_misleads_the_linear_classifier_and_not_the_votes():
    factors = grid((5, 5), 4)
    mixed = encoded(standardised(factors) @ [[1.0], [0.3]], factors)
    assert score(FactorVae, mixed) == 1 / 2  # there is one latent to vote for
    assert score(BetaVae, mixed) == pytest.approx(
        1, abs=0.01
    )  # it differs more where the weaker factor is the fixed one


@BOTH
def test_two_uneven_mixtures_mislead_both(kind):
    factors = grid((5, 5), 4)
    mixed = encoded(standardised(factors) @ [[1, 1], [0.6, 0.2]], factors)
    assert score(kind, mixed) == pytest.approx(1, abs=0.01)


@BOTH
def test_a_factor_told_twice_loses_nothing(kind):
    factors = grid(SIZES, 3)
    assert score(kind, encoded(np.column_stack([standardised(factors)] * 2), factors)) == 1


@BOTH
def test_the_scale_of_latents_does_not_enter(kind):
    rng = np.random.default_rng(0)
    factors = grid(SIZES, 5)
    codes = standardised(factors) + rng.normal(size=factors.shape)
    scales = np.array([2.0**-10, 1, 2.0**10])  # powers of 2, so that rounding does not enter either
    plain = score(kind, encoded(codes, factors))
    assert 1 / 3 < plain < 1
    assert score(kind, encoded(codes * scales, factors, -8 + 2 * np.log(scales))) == pytest.approx(
        plain, abs=1e-3
    )


def test_a_penalty_on_raw_differences_would_make_the_scale_enter():
    factors = grid(SIZES, 5)
    rng = np.random.default_rng(0)
    codes = standardised(factors) + rng.normal(size=factors.shape)
    split = evidence(encoded(codes, factors))
    fitted = BetaVae()._differences(both(split)[0], 1000, generator_of(split, "any"))
    plain, shrunk = (
        LogisticRegression().fit(fitted[0] * scale, fitted[1]).score(fitted[0] * scale, fitted[1])
        for scale in (1, 1e-4)
    )
    assert shrunk < plain - 0.05


@BOTH
def test_only_held_out_data_are_scored(kind):
    rng = np.random.default_rng(0)
    factors = grid((4, 4), 500)
    training = encoded(standardised(factors), factors)
    value = score(kind, encoded(standardised(rng.permutation(factors)), factors), training)
    error = math.sqrt(0.25 * (1 / 2000 + 64 / 2000 / 8))  # as for noise
    assert value == pytest.approx(1 / 2, abs=4 * error)


def test_the_number_of_values_does_not_give_a_factor_away():
    rng = np.random.default_rng(0)
    n, batch = 20_000, 64
    factors = np.column_stack([rng.permutation(np.arange(n) // 4), rng.permutation(np.arange(n) % 2)])
    halves = [encoded(rng.normal(size=(n, 5)), factors) for _ in range(2)]
    # Were a datum paired with itself, as one in four would be in groups of four, each mean difference of the first
    # factor would be smaller by 1/4 of 1.13, which is 2.6 of its standard errors (0.85 / 8), in each of five latents.
    # The splits' own differences shift the score as in the test of noise, here by 4 data a group and 5000 groups.
    error = math.sqrt(0.25 * (1 / 2000 + 2 * batch / n))
    assert score(BetaVae, *halves, batch=batch) == pytest.approx(1 / 2, abs=4 * error)


def test_pairs_share_a_value_and_are_two_data():
    factor = np.array([2, 0, 1, 2, 0, 2, 4])  # 1 and 4 have one datum each
    groups = Groups.of(factor)
    assert groups.shared.tolist() == [0, 1, 3, 4, 5]
    first, second = groups.pairs(200, 10, np.random.default_rng(0))
    assert (factor[first] == factor[second]).all()
    assert (first != second).all()
    assert set(zip(first.ravel().tolist(), second.ravel().tolist(), strict=True)) == {
        (1, 4),
        (4, 1),
        (0, 3),
        (3, 0),
        (0, 5),
        (5, 0),
        (3, 5),
        (5, 3),
    }


def test_batches_share_a_value_and_hold_every_datum_that_has_it():
    factor = np.array([2, 0, 1, 2, 0, 2, 4])
    drawn = Groups.of(factor).batches(50, 100, np.random.default_rng(0))
    assert {tuple(sorted(set(row))) for row in drawn.tolist()} == {(0, 3, 5), (1, 4)}


@BOTH
def test_the_seed_makes_the_batches(kind):
    rng = np.random.default_rng(0)
    factors = grid(SIZES, 5)
    data = encoded(standardised(factors) + 2 * rng.normal(size=factors.shape), factors)
    few = kind(training_batches=100, scored_batches=100)
    first, again, other = (few.measure(evidence(data, seed=seed)) for seed in (0, 0, 1))
    assert first == again != other


@BOTH
@pytest.mark.parametrize(
    "factors",
    [
        grid((5, 1), 2),  # one that varies
        np.column_stack([np.arange(10) % 2, np.arange(10)]),  # two, one of them never twice the same
    ],
)
def test_nothing_is_told_apart_with_fewer_than_two_factors(kind, factors):
    assert score(kind, encoded(np.arange(20.0).reshape(10, 2), factors)) is None


@BOTH
def test_without_factors_there_is_no_score_and_no_training_split(kind):
    given = evidence(encoded(np.zeros((5, 2)), None))
    object.__setattr__(given, "training", unencoded)
    assert set(kind().measure(given).values()) == {None}
