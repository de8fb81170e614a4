import math

import numpy as np
import pytest
from made_up import CONSTANT, LINEAR, Case, commit, grid
from scipy import stats as witness

from klsweep.errors import KlsweepError
from klsweep.reporting import stats
from klsweep.reporting.compare import compare_paths
from klsweep.result import Status

CYCLICAL = {"kind": "cyclical", "cycles": 4, "ratio": 0.5}


def with_values(values, **settings):
    return [Case(seed=seed, further={"m_nats": value}, **settings) for seed, value in enumerate(values)]


def rows_of(found, metric):
    return [row for row in found.rows if row.metric == metric]


def test_paired_differences_are_those_of_scipy():
    first, second = np.random.default_rng(0).standard_normal((2, 6))
    found = stats.paired(second - first)
    theirs = witness.ttest_rel(second, first)
    low, high = theirs.confidence_interval(0.95)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.difference - found.half_width, found.difference + found.half_width) == pytest.approx(
        (low, high)
    )


def test_one_pair_proves_nothing_and_equal_pairs_are_equal():
    one = stats.paired([0.5])
    assert (one.n, one.difference) == (1, 0.5)
    assert math.isnan(one.p)
    same = stats.paired([0.0, 0.0])
    assert (same.half_width, same.p) == (0.0, 1.0)


def test_three_counts_that_agree_on_one_unit_are_no_proof_and_on_ten_they_are():
    assert stats.paired([1, 1, 1], step=1).p > 0.05
    assert stats.paired([10, 10, 10], step=1).p < 0.05


def test_the_step_of_shares_is_found_and_real_numbers_have_next_to_none():
    rng = np.random.default_rng(0)
    for of in (360, 10_000):
        shares = rng.integers(0, of // 10, 40) / of + 0.9
        assert stats.step_of(shares) == pytest.approx(1 / of, rel=1e-6)
    assert stats.step_of(np.array([0.3, 0.3, np.nan])) == 0.0
    reals = rng.standard_normal(40)
    assert stats.step_of(reals) < 1e-4 * np.ptp(reals)


def test_shares_alike_by_chance_are_marked_in_no_more_than_5_of_100_tables():
    """Each side of a pair flips up to 2 of 360 data: equal differences are common, and no proof."""
    rng = np.random.default_rng(0)
    tables, wrong = 1000, 0
    for _ in range(tables):
        flips = rng.binomial(2, 0.5, (2, 12, 3)) / 360  # [side, row, seed]
        step = stats.step_of(flips.ravel())
        wrong += min(stats.holm([stats.paired(row, step=step).p for row in flips[1] - flips[0]])) < 0.05
    assert wrong / tables <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / tables)


def test_two_pairs_are_never_marked(tmp_path):
    cases = [*with_values([1.0, 5.0]), *with_values([2.0, 6.0], schedule=LINEAR)]
    store = commit(tmp_path, "s", cases)
    found = compare_paths(str(store.path), ["schedule=constant", "schedule=linear"], ["m_nats"])
    (row,) = found.rows
    assert (row.paired.n, row.is_real, found.tests) == (2, False, 0)


def test_a_setting_that_one_sweep_varies_is_matched_with_the_one_value_of_the_other(tmp_path):
    """train.lr has a column in the sweep that varies it alone; the other's jobs have one value of it."""
    commit(tmp_path, "a", grid(lr=[1e-3, 1e-2], seed=range(3)))
    commit(tmp_path, "b", grid(lr=[1e-2], seed=range(3), model=["conv"]))
    for first, second in (("a", "b"), ("b", "a")):
        found = compare_paths(str(tmp_path / first), [str(tmp_path / second)], ["rate_nats"])
        (row,) = found.rows
        assert row.paired.n == 3
        assert found.alike["train.lr"] == "0.01"
        assert found.unmatched == 1


def test_two_jobs_that_are_not_told_apart_are_an_error_in_words(tmp_path):
    cases = [*grid(lr=[1e-3, 1e-2], seed=range(3)), *grid(lr=[1e-3], schedule=[LINEAR], seed=range(3))]
    store = commit(tmp_path, "s", cases)
    with pytest.raises(
        KlsweepError, match=r"schedule=constant: several jobs of one seed differ in train\.lr"
    ) as caught:
        compare_paths(str(store.path), ["schedule=constant", "schedule=linear,train.lr=0.001"])
    assert "(0.001, 0.01)" in str(caught.value)
    said = ["schedule=constant,train.lr=0.001", "schedule=linear,train.lr=0.001"]
    assert compare_paths(str(store.path), said).rows


def test_a_job_that_is_there_in_two_units_is_one_job(tmp_path):
    both = [Case(beta_norm=0.1, seed=seed) for seed in range(3)]
    both += [Case(beta_norm=1.6, unit="beta", seed=seed) for seed in range(3)]
    commit(tmp_path, "a", both)
    commit(tmp_path, "b", grid(beta_norm=[0.1], seed=range(3), model=["conv"]))
    found = compare_paths(str(tmp_path / "a"), [str(tmp_path / "b")], ["rate_nats"])
    assert [row.paired.n for row in found.rows] == [3]


def test_holm_by_hand():
    """0.01 * 4, then 0.02 * 3, then 0.03 * 2 and 0.04 * 1, none below the one before (R: p.adjust)."""
    assert stats.holm([0.03, 0.01, math.nan, 0.04, 0.02]) == pytest.approx(
        [0.06, 0.04, math.nan, 0.06, 0.06], nan_ok=True
    )


def test_marks_are_wrong_in_no_more_than_5_of_100_tables_without_a_difference():
    rng = np.random.default_rng(1)
    tables, wrong = 1000, 0
    for _ in range(tables):
        p_values = [stats.paired(rng.standard_normal(4)).p for _ in range(8)]
        wrong += min(stats.holm(p_values)) < 0.05
    assert wrong / tables == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / tables))


def test_settings_of_one_sweep_are_compared_seed_by_seed(tmp_path):
    a, b = [1.0, 5.0, 9.0], [1.5, 5.4, 9.6]
    store = commit(tmp_path, "s", [*with_values(a), *with_values(b, schedule=LINEAR)])
    found = compare_paths(str(store.path), ["schedule=constant", "schedule=linear"], ["m_nats"])
    (row,) = found.rows
    assert (row.paired.n, row.first, row.second) == (3, 5.0, 5.5)
    assert row.paired.difference == pytest.approx(0.5)
    assert row.is_real  # unpaired, a difference of 0.5 under a scatter of 4 is none
    assert witness.ttest_ind(a, b).pvalue > 0.5


def test_two_sweeps_are_matched_by_what_they_agree_in(tmp_path):
    weights = [0.01, 0.1, 1.0]
    commit(tmp_path, "a", grid(beta_norm=weights, seed=range(3), model=["mlp"]))
    commit(tmp_path, "b", grid(beta_norm=[*weights, 7.0], seed=range(1, 5), model=["conv"]))
    found = compare_paths(str(tmp_path / "a"), [str(tmp_path / "b")])
    assert "model" not in found.alike
    rows = rows_of(found, "elbo_nats")
    assert [row.setting["beta_norm"] for row in rows] == ["0.01", "0.1", "1"]
    assert {row.paired.n for row in rows} == {2}  # seeds 1 and 2
    assert found.unmatched == 1


def test_weights_are_matched_in_the_unit_they_share(tmp_path):
    """Of two latent sizes the same beta has two values of beta_norm."""
    store = commit(tmp_path, "s", grid(beta_norm=[0.5, 1.0], unit=["beta"], latent_dim=[2, 8], seed=range(2)))
    found = compare_paths(str(store.path), ["latent_dim=2", "latent_dim=8"])
    assert [row.setting for row in rows_of(found, "rate_nats")] == [{"beta": "0.5"}, {"beta": "1"}]


def test_weights_themselves_are_compared_by_as_many_digits_as_are_typed(tmp_path):
    store = commit(tmp_path, "s", grid(beta_norm=[0.00316227766017, 0.1], seed=range(3)))
    found = compare_paths(str(store.path), ["beta_norm=0.00316", "beta_norm=0.1"])
    (row,) = rows_of(found, "rate_nats")
    assert row.paired.n == 3
    assert row.paired.difference < 0


def test_lost_jobs_make_no_pair(tmp_path):
    cases = [
        *grid(schedule=[CONSTANT, LINEAR], seed=range(2)),
        Case(seed=2),
        Case(seed=2, schedule=LINEAR, status=Status.FAILED),
    ]
    store = commit(tmp_path, "s", cases)
    found = compare_paths(str(store.path), ["schedule=constant", "schedule=linear"])
    assert {row.paired.n for row in found.rows} == {2}


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([], "nothing to compare it with"),
        (["schedule=constant"], "nothing to compare it with"),
        (["shedule=constant", "schedule=linear"], "shedule: no setting of this sweep"),
        (["schedule=constant", "schedule=cosine"], "no run has schedule cosine: allowed: one of constant"),
        (["schedule=constant", "schedule=cyclical"], "2 values of schedule"),
        (["seed=0", "seed=1"], "no setting with the same seed"),
    ],
)
def test_what_cannot_be_compared_is_said(tmp_path, others, words):
    shapes = [CONSTANT, LINEAR, CYCLICAL, {**CYCLICAL, "cycles": 2}]
    store = commit(tmp_path, "s", grid(schedule=shapes, seed=range(2)))
    with pytest.raises(KlsweepError, match=words):
        compare_paths(str(store.path), others)


def test_a_value_with_commas_is_one_value(tmp_path):
    store = commit(tmp_path, "s", grid(schedule=[CONSTANT, CYCLICAL], latent_dim=[4], seed=range(2)))
    label = "schedule=cyclical(cycles=4, ratio=0.5),latent_dim=4"
    assert compare_paths(str(store.path), ["schedule=constant", label]).rows
