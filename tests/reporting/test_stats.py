import math
from dataclasses import replace

import numpy as np
import pytest
from made_up import Case, commit, grid
from scipy import stats as witness

from klsweep.reporting import rows, stats
from klsweep.result import Status


def summary_of(tmp_path, cases):
    return stats.summary(rows.runs(commit(tmp_path, "s", cases)))


def metric(*values, **settings):
    return [Case(seed=seed, further={"m_nats": value}, **settings) for seed, value in enumerate(values)]


def test_mean_deviation_and_interval_are_those_of_scipy(tmp_path):
    values = [1.0, 2.5, 4.0, 3.25]
    (row,) = summary_of(tmp_path, metric(*values)).to_dict("records")
    low, high = witness.t.interval(0.95, 3, loc=np.mean(values), scale=witness.sem(values))
    assert row["n"] == 4
    assert row["m_nats"] == pytest.approx(np.mean(values))
    assert row["m_nats_sd"] == pytest.approx(np.std(values, ddof=1))
    assert row["m_nats_ci95"] == pytest.approx((high - low) / 2)


def test_two_seeds_by_hand(tmp_path):
    (row,) = summary_of(tmp_path, metric(1.0, 3.0)).to_dict("records")
    assert row["m_nats_sd"] == pytest.approx(math.sqrt(2))
    # t(0.975, 1) is tan(pi * 0.475), the quantile of a Cauchy distribution; sd / sqrt(2) is 1.
    assert row["m_nats_ci95"] == pytest.approx(math.tan(math.pi * 0.475))


def test_one_seed_has_no_deviation_and_no_interval(tmp_path):
    (row,) = summary_of(tmp_path, metric(1.0)).to_dict("records")
    assert (row["n"], row["m_nats"]) == (1, 1.0)
    assert math.isnan(row["m_nats_sd"])
    assert math.isnan(row["m_nats_ci95"])


def test_counts_that_agree_have_the_interval_of_their_rounding_and_real_numbers_have_none(tmp_path):
    """A count is known to half a unit, so its scatter is at least that of a uniform unit, sqrt(1/12)."""
    cases = [Case(seed=seed, further={"active_units": 4, "m_nats": 4.0}) for seed in range(3)]
    (row,) = summary_of(tmp_path, cases).to_dict("records")
    assert (row["active_units_sd"], row["m_nats_ci95"]) == (0.0, 0.0)
    assert row["active_units_ci95"] == pytest.approx(witness.t.ppf(0.975, 2) * math.sqrt(1 / 12 / 3))
    apart = [
        replace(case, further={"active_units": units}) for case, units in zip(cases, (1, 4, 7), strict=True)
    ]
    (row,) = summary_of(tmp_path / "apart", apart).to_dict("records")
    assert row["active_units_ci95"] == pytest.approx(witness.t.ppf(0.975, 2) * 3 / math.sqrt(3))


def test_lost_jobs_enter_no_mean_and_are_counted(tmp_path):
    lost = [Case(seed=5 + i, status=s, further={"m_nats": 99.0}) for i, s in enumerate(list(Status)[1:])]
    (row,) = summary_of(tmp_path, [*metric(1.0, 3.0), *lost]).to_dict("records")
    assert (row["n"], row["n_diverged"], row["n_failed"]) == (2, 1, 3)
    assert row["m_nats"] == 2.0


def test_every_setting_has_a_row_of_its_own(tmp_path):
    cases = grid(
        beta_norm=[0.1, 1.0], latent_dim=[2, 4], reduction=["sum", "mean"], lr=[0.1, 0.01], seed=range(2)
    )
    table = summary_of(tmp_path, cases)
    assert len(table) == 16
    assert set(table["n"]) == {2}


def test_an_unknown_theta_does_not_lose_the_row(tmp_path):
    store = commit(tmp_path, "s", metric(1.0, 3.0))
    records = [replace(record, row={**record.row, "theta": None}) for record in store.records()]
    (row,) = stats.summary(rows.table(records)).to_dict("records")
    assert (row["n"], row["m_nats"]) == (2, 2.0)


def test_seeds_whose_theta_was_fitted_are_of_one_setting(tmp_path):
    """A learned variance, and an objective that moves its weight, end with another theta for every seed."""
    sigma2 = [0.0098, 0.0101, 0.0112]
    cases = [
        Case(seed=seed, unit="beta", beta_norm=beta, sigma2=value, further={"m_nats": 1.0 + seed})
        for seed, value in enumerate(sigma2)
        for beta in (0.1, 1.0)
    ]
    diverged = Case(seed=3, unit="beta", beta_norm=1.0, sigma2=1e6, status=Status.DIVERGED)
    table = summary_of(tmp_path, [*cases, diverged])
    assert table["n"].tolist() == [3, 3]
    assert table["n_diverged"].tolist() == [0, 1]
    assert table["theta"].tolist() == pytest.approx([np.mean(sigma2) * 0.1, np.mean(sigma2)], rel=1e-11)
    assert table["m_nats_sd"].tolist() == pytest.approx([1.0, 1.0])


def test_theta_stands_beside_the_other_weights(tmp_path):
    names = summary_of(tmp_path, metric(1.0, 3.0)).columns.to_list()
    assert names[names.index("weight") :][:5] == ["weight", "beta", "beta_norm", "theta", "n"]


def test_the_same_training_under_two_units_is_one_seed(tmp_path):
    runs = rows.runs(commit(tmp_path, "s", [Case(beta_norm=0.1), Case(beta_norm=1.6, unit="beta")]))
    assert len(runs) == 2
    assert stats.summary(runs)["n"].tolist() == [1]
    assert stats.repeats(runs) == 1
