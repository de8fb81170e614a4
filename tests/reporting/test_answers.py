"""Answers on synthetic curves with known peaks, crossings and knees."""

import math

import numpy as np
import pytest

from klsweep.reporting.verdict import answers
from klsweep.reporting.verdict.answers import Lack
from klsweep.reporting.verdict.groups import Seen, filled

TRIALS = 600
TOLERANCE = 4 * math.sqrt(0.95 * 0.05 / TRIALS)  # four standard errors of a coverage of 95 %


def seen(weights, values, split="validation", counts=False):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    return Seen(np.asarray(weights, dtype=float), filled(values), np.isfinite(values), split, counts)


def noisy(rng, curve, *, seeds, sd):
    """Seeds share every effect but their own noise, as under common random numbers."""
    common = 3 * rng.standard_normal((seeds, 1))
    return curve + common + sd * rng.standard_normal((seeds, len(curve)))


WEIGHTS = np.geomspace(1e-3, 10, 9)
LOG = np.log10(WEIGHTS)


# ---- the best weight


def test_the_peak_of_a_clear_curve_is_found_and_lies_between_its_neighbours():
    values = [-((LOG + 1.4) ** 2) + shift for shift in (0.0, 0.01, -0.02)]
    found = answers.best(seen(WEIGHTS, values))
    assert found.value == pytest.approx(10**-1.5)
    assert found.among == (found.value,)
    assert (found.low, found.high) == (pytest.approx(1e-2), pytest.approx(1e-1))
    assert found.is_enough
    assert found.is_interval


def test_a_smallest_value_is_found_by_its_sign():
    found = answers.best(seen(WEIGHTS, [(LOG + 1.4) ** 2] * 3), sign=-1)
    assert found.value == pytest.approx(10**-1.5)


def test_seed_effects_that_pairs_share_hide_nothing():
    """Differences of 0.1 under seed effects of 100: only paired they can be told."""
    values = [-0.4 * (LOG + 1.5) ** 2 + shift for shift in (0.0, 100.0, -100.0)]
    assert answers.best(seen(WEIGHTS, values)).among == (pytest.approx(10**-1.5),)


def test_weights_that_cannot_be_told_apart_are_named_and_noise_alone_is_not_enough():
    values = np.array([-((LOG + 1.27) ** 2)] * 3)  # the neighbours of the peak differ by 0.02
    values[:, 4] += [0.05, 0.0, -0.05]
    close = answers.best(seen(WEIGHTS, values))
    assert close.among == (pytest.approx(10**-1.5), pytest.approx(0.1))
    assert close.is_enough
    noise = answers.best(seen(WEIGHTS, noisy(np.random.default_rng(3), np.zeros(9), seeds=3, sd=1)))
    assert {Lack.BELOW, Lack.ABOVE} & set(noise.lacks)


@pytest.mark.parametrize(("slope", "lack"), [(1, Lack.ABOVE), (-1, Lack.BELOW)])
def test_an_edge_that_is_best_is_not_enough(slope, lack):
    found = answers.best(seen(WEIGHTS, [slope * LOG] * 3))
    assert found.lacks == (lack,)
    assert (found.low is None) == (lack is Lack.BELOW)


def test_a_weight_of_zero_is_the_end_of_the_axis_and_no_open_edge():
    found = answers.best(seen([0.0, 0.1, 1.0], [[3, 2, 1]] * 3))
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.1)
    assert found.is_enough


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_seeds_have_no_interval(seeds):
    found = answers.best(seen(WEIGHTS, [-((LOG + 1.4) ** 2)] * seeds))
    assert found.lacks == (Lack.SEEDS,)
    assert not found.is_interval
    assert found.seeds == (seeds, seeds)


def test_a_neighbour_with_too_few_seeds_takes_the_interval_away():
    values = np.array([-((LOG + 1.4) ** 2)] * 3)
    values[1:, 4] = np.nan
    found = answers.best(seen(WEIGHTS, values))
    assert found.lacks == (Lack.SEEDS,)
    assert found.seeds == (1, 3)


def test_one_weight_says_nothing():
    found = answers.best(seen([0.1], [[1.0]] * 3))
    assert set(found.lacks) == {Lack.BELOW, Lack.ABOVE}


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(("bend", "sd"), [(4, 0.1), (0.4, 0.5)])
def test_the_interval_holds_the_peak_of_the_curve_in_at_least_95_of_100_cases(seeds, bend, sd):
    """Wherever between two weights it is. Two steps of the grid wide at least, so more often than 95 is right."""
    rng = np.random.default_rng([seeds, bend > 1])
    hits, inner, told = 0, 0, 0
    for _ in range(TRIALS):
        peak = rng.uniform(LOG[2], LOG[-3])
        curve = -bend * (LOG - peak) ** 2
        found = answers.best(seen(WEIGHTS, noisy(rng, curve, seeds=seeds, sd=sd)))
        low, high = found.low or 0.0, found.high or math.inf
        hits += low <= 10**peak <= high
        inner += WEIGHTS[curve.argmax()] in found.among
        told += found.is_enough
    assert hits / TRIALS >= 0.95 - TOLERANCE
    assert inner / TRIALS >= 0.95 - TOLERANCE
    if bend > 1:  # neighbours differ by more than 12 standard errors: the evidence is there, and is used
        assert told / TRIALS > 0.95


def test_of_two_equal_weights_both_stay_as_often_as_the_level_says():
    """Two of four weights alike in truth: the smaller goes by a t test at 5 % / 3, whichever of the two it is."""
    rng = np.random.default_rng(5)
    curve = np.array([-5.0, 0.0, 0.0, -5.0])
    trials = 2000
    both = sum(
        len(answers.best(seen([1, 2, 3, 4], noisy(rng, curve, seeds=5, sd=0.3))).among) == 2
        for _ in range(trials)
    )
    wanted = 1 - 2 * 0.05 / 3
    assert both / trials == pytest.approx(wanted, abs=4 * math.sqrt(wanted * (1 - wanted) / trials))


@pytest.mark.parametrize("seeds", [3, 5])
def test_noise_alone_is_enough_in_no_more_than_5_of_100_sweeps(seeds):
    rng = np.random.default_rng(seeds)
    enough = sum(
        answers.best(seen(WEIGHTS, noisy(rng, np.zeros(9), seeds=seeds, sd=1))).is_enough
        for _ in range(TRIALS)
    )
    assert enough / TRIALS <= 0.05 + TOLERANCE


# ---- where a falling curve passes a level


def test_a_crossing_is_read_off_in_log_weight():
    found = answers.crossing(seen([0.01, 1.0, 100.0], [[10, 10, 0]] * 3), 5.0)
    assert found.value == pytest.approx(10.0)
    assert (found.low, found.high) == (1.0, 100.0)
    assert found.is_enough


def test_a_bump_of_noise_is_no_second_crossing():
    found = answers.crossing(seen([1, 2, 4, 8], [[8, 4, 6, 0]] * 3), 4.5)
    assert (found.low, found.high) == (4.0, 8.0)  # isotonic regression: 8, 5, 5, 0


def test_the_place_of_a_level_is_that_of_isotonic_regression():
    from scipy.optimize import isotonic_regression

    curves = np.random.default_rng(0).standard_normal((200, 9)).cumsum(axis=1)
    fits = np.array([isotonic_regression(curve, increasing=False).x for curve in curves])
    np.testing.assert_array_equal(answers._last_above(curves, 0.3), (fits >= 0.3).sum(axis=1) - 1)


def test_three_seeds_that_agree_on_a_count_next_to_the_level_are_no_proof():
    none_left = [[2, 2, 0, 0, 0]] * 3
    few = answers.crossing(seen([1, 2, 4, 8, 16], none_left, counts=True), 0.5)
    assert (few.low, few.high) == (2.0, 8.0)  # 2 units are far from none, none at 4 may be luck
    many = answers.crossing(seen([1, 2, 4, 8, 16], none_left * 2, counts=True), 0.5)
    assert (many.low, many.high) == (2.0, 4.0)


def test_a_mean_at_the_level_has_passed_it_where_that_is_asked_for():
    values = [[3, 2, 2, 0]] * 3
    assert answers.crossing(seen([1, 2, 4, 8], values), 2.0).low == 4.0
    found = answers.crossing(seen([1, 2, 4, 8], values), 2.0, strictly=True)
    assert (found.low, found.high) == (1.0, 2.0)


@pytest.mark.parametrize(("level", "lack"), [(11.0, Lack.BELOW), (-1.0, Lack.ABOVE)])
def test_a_level_off_the_curve_leaves_the_interval_open(level, lack):
    found = answers.crossing(seen([1, 2, 4], [[10, 5, 0]] * 3), level)
    assert found.value is None
    assert found.lacks == (lack,)
    assert (found.low, found.high) == ((None, 1.0) if lack is Lack.BELOW else (4.0, None))


def test_seeds_that_disagree_about_the_cell_widen_it():
    found = answers.crossing(seen([1, 2, 4, 8], [[10, 10, 10, 0], [10, 10, 0, 0], [10, 10, 9, 0]]), 5.0)
    assert (found.low, found.high) == (2.0, 8.0)


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_the_interval_of_a_crossing_holds_it_in_at_least_95_of_100_cases(seeds):
    """A grid much finer than the noise, so that its cells add nearly nothing to the 95."""
    rng = np.random.default_rng(seeds)
    weights = np.geomspace(0.1, 10, 41)
    curve = -np.log(weights)
    trials, hits, widths = 300, 0, []
    for _ in range(trials):
        # one number for each seed, as where all of its curve lies higher: then nothing is gained from the grid
        values = curve + 0.3 * rng.standard_normal((seeds, 1))
        found = answers.crossing(seen(weights, values), 0.0)
        low, high = found.low or 0.0, found.high or math.inf
        hits += low <= 1.0 <= high
        widths.append(math.log(high / low) if low and math.isfinite(high) else math.inf)
    cell = math.log(weights[1] / weights[0])
    assert hits / trials >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / trials) - 0.01
    # Student's interval is 2 t s / sqrt(n) wide; the median of s is below 0.3; two cells on top of it
    from scipy.stats import t

    assert np.median(widths) <= 2 * t.ppf(0.975, seeds - 1) * 0.3 / math.sqrt(seeds) + 2 * cell


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_counts_of_units_are_covered_too(seeds):
    """Binomial counts of 10 units: rounding and few seeds are the worst there is."""
    rng = np.random.default_rng(seeds)
    weights = np.geomspace(0.01, 10, 13)
    share = 1 / (1 + (weights / 0.5) ** 4)
    truth = 0.5 * (19.0) ** 0.25  # where 10 / (1 + (w / 0.5)^4) = 0.5
    hits = 0
    for _ in range(TRIALS):
        found = answers.crossing(seen(weights, rng.binomial(10, share, (seeds, 13)), counts=True), 0.5)
        hits += (found.low or 0.0) <= truth <= (found.high or math.inf)
    assert hits / TRIALS >= 0.95 - TOLERANCE


# ---- the knee


def test_the_knee_of_a_hyperbola_is_where_its_slope_is_that_of_the_chord():
    """D = 1 / R from R = 1/a to a: the chord has slope -1, and so has the curve at R = 1."""
    rate = np.geomspace(1 / 50, 50, 21)[::-1]
    weights = np.geomspace(1e-3, 10, 21)
    found = answers.knee(seen(weights, [rate] * 3), seen(weights, [1 / rate] * 3))
    assert found.value == pytest.approx(weights[10])
    assert (found.low, found.high) == (weights[9], weights[11])
    assert found.is_enough


def test_the_knee_of_a_gaussian_source_is_at_the_beta_of_its_chord():
    """The linear VAE: dD/dR = -beta along the optimal curve, so the knee is at beta = range of D / range of R."""
    from made_up import SIGMA2, closed_form

    beta = np.geomspace(0.02, 15, 201)
    points = [closed_form(value * SIGMA2, 8, 64)[:2] for value in beta]
    distortion = np.array([sse / (2 * SIGMA2) for sse, _ in points])
    rate = np.array([nats for _, nats in points])
    found = answers.knee(seen(beta, [rate] * 3), seen(beta, [distortion] * 3))
    assert found.low <= np.ptp(distortion) / np.ptp(rate) <= found.high


@pytest.mark.parametrize("case", ["straight", "hollow", "collapsed", "two weights"])
def test_a_curve_without_a_knee_has_none(case):
    rate = {"collapsed": [1e-3, 5e-4, 1e-4, 0], "two weights": [9, 0]}.get(case, [9, 6, 3, 0])
    distortion = {"straight": [0, 3, 6, 9], "hollow": [0, 5, 8, 9]}.get(case, [0, 1, 4, 9][: len(rate)])
    weights = np.arange(1, len(rate) + 1)
    found = answers.knee(seen(weights, [rate] * 3), seen(weights, [distortion] * 3))
    assert found.value is None
    assert Lack.SHAPE in found.lacks


def test_the_interval_of_a_knee_holds_it_in_at_least_95_of_100_cases():
    rng = np.random.default_rng(2)
    weights = np.geomspace(1e-2, 1e2, 17)
    rate, distortion = 1 / np.sqrt(weights), np.sqrt(weights)  # a hyperbola with its knee at weight 1
    hits = 0
    for _ in range(TRIALS):
        noisy_rate = rate + 0.3 * rng.standard_normal((3, 17))
        noisy_distortion = distortion + 0.3 * rng.standard_normal((3, 17))
        found = answers.knee(seen(weights, noisy_rate), seen(weights, noisy_distortion))
        hits += (found.low or 0.0) <= 1.0 <= (found.high or math.inf)
    assert hits / TRIALS >= 0.95 - TOLERANCE


# ---- what is missing


def test_what_is_missing_is_filled_as_seed_effect_plus_weight_effect():
    whole = np.add.outer([1.0, -4.0, 2.5], [0.0, 3.0, 7.0, -1.0])
    holed = whole.copy()
    holed[0, 3] = holed[1, 0] = holed[2, 2] = np.nan
    np.testing.assert_allclose(filled(holed), whole, atol=1e-12)


def test_an_unequal_share_of_seeds_does_not_move_the_best():
    """The good seed is missing at the best weight; means of what is there would put the peak elsewhere."""
    values = np.add.outer([50.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 1.0])
    values[0, 2] = np.nan
    found = answers.best(seen([1, 2, 3, 4], values))
    assert np.nanmean(values, axis=0).argmax() != 2
    assert found.value == 3.0


def test_between_weights_that_no_seed_connects_nothing_is_filled_in_but_the_mean():
    values = np.array([[1.0, 2.0, np.nan], [3.0, np.nan, np.nan], [np.nan, np.nan, 9.0]])
    np.testing.assert_allclose(filled(values), [[1, 2, 9], [3, 4, 9], [2, 3, 9]], atol=1e-12)


@pytest.mark.parametrize("common", [0, 1, 2])
def test_weights_of_other_seeds_are_never_told_apart_however_far_they_seem(common):
    rng = np.random.default_rng(common)
    for _ in range(20):
        values = noisy(rng, np.where(LOG < 0, -50.0, 0.0), seeds=6 - common, sd=0.1)
        values[3:, :5] = np.nan
        values[: 3 - common, 5:] = np.nan
        found = answers.best(seen(WEIGHTS, values))
        assert Lack.SEEDS in found.lacks
        assert not found.is_interval


@pytest.mark.parametrize(("share", "seeds"), [(0.15, 6), (0.4, 8)])
def test_with_lost_jobs_the_second_best_is_named_the_best_in_no_more_than_5_of_100_intervals(share, seeds):
    """Two weights 0.1 apart under noise of 0.3, and a seed effect ten times as large."""
    rng = np.random.default_rng([8, seeds])
    curve = np.where(np.arange(9) == 5, 0.1, np.where(np.arange(9) == 4, 0.0, -5.0))
    intervals, missed = 0, 0
    for _ in range(TRIALS):
        values = noisy(rng, curve, seeds=seeds, sd=0.3)
        values[rng.random(values.shape) < share] = np.nan
        if np.isnan(values).all(axis=0).any() or np.isnan(values).all(axis=1).any():
            continue
        found = answers.best(seen(WEIGHTS, values))
        intervals += found.is_interval
        missed += found.is_interval and WEIGHTS[5] not in found.among
    assert intervals > TRIALS / 20
    assert missed / intervals <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / intervals)


@pytest.mark.parametrize("share", [0.15])
def test_lost_jobs_do_not_break_the_coverage(share):
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(TRIALS):
        peak = rng.uniform(LOG[2], LOG[-3])
        values = noisy(rng, -((LOG - peak) ** 2), seeds=6, sd=0.3)
        values[rng.random(values.shape) < share] = np.nan
        found = answers.best(seen(WEIGHTS, values))
        hits += (found.low or 0.0) <= 10**peak <= (found.high or math.inf)
    assert hits / TRIALS >= 0.95 - TOLERANCE
