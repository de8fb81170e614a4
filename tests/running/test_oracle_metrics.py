"""On Gaussian data a linear VAE's every metric has a closed value, and a real run gives it.

Methods: with theta = beta * sigma^2 and eigenvalues l, latent i has Var(E_q[z_i]) = 1 - theta / l_i, the posterior
variance theta / l_i, a rate whose distribution is a chi-square's, and an aggregated posterior N(0, 1); so the mutual
information is the rate, and the marginal KL and the total correlation are 0. The model's marginal is a Gaussian.
"""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import klsweep

sys.path.append(str(Path(__file__).parents[1] / "vae"))
from closed_form import optimum

pytestmark = pytest.mark.slow

SPECTRUM = (8.0, 4.0, 2.0, 1.2, 0.5, 0.25)
BETAS = (0.02, 0.3, 1.0, 2.8, 12.0)
N = len(SPECTRUM)
SPEC = f"""
version: 1
name: oracle-metrics
fixed:
  dataset: {{kind: gaussian, spectrum: {list(SPECTRUM)}, size: 40000, test: 0.25, valid: 0.0}}
  model: linear
  latent_dim: {N}
  likelihood: {{kind: gaussian, variance: 1.0}}
  train: {{epochs: 100, batch_size: 1024, lr: 0.03, lr_decay: cosine}}
grid:
  beta: {list(BETAS)}
metrics:
  - active_units
  - {{kind: information, samples: 1000}}
  - {{kind: iw_bound, samples: 50, data: 2000}}
  - reconstruction
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("oracle")
    (folder / "spec.yaml").write_text(SPEC)
    assert klsweep.run(folder / "spec.yaml", results=folder / "results").exit_code == 0
    return klsweep.load(folder / "results").set_index("beta")


def used(beta: float) -> list[float]:
    """theta / l of each active latent."""
    return [beta / eigenvalue for eigenvalue in SPECTRUM if eigenvalue > beta]


@pytest.mark.parametrize("beta", BETAS)
def test_latents_in_use_are_counted_as_theory_counts_them_at_every_threshold(measured, beta) -> None:
    """The thresholds are at least 0.02 from any value: |dVar| from training and 10,000 data is below that."""
    row, ratios = measured.loc[beta], used(beta)
    assert row["active_units"] == optimum(SPECTRUM, theta=beta, latent_dim=N).active_units
    for least in (0.001, 0.1):
        assert row[f"active_units_var_{least}"] == sum(1 - ratio > least for ratio in ratios)
    assert row["active_units_sigma2_0.8"] == sum(ratio <= 0.8 for ratio in ratios)


@pytest.mark.parametrize("beta", BETAS)
def test_collapse_by_lucas_is_that_of_a_chi_square(measured, beta) -> None:
    """KL_i(x) = ((1 - r) g^2 + r - 1 - ln r) / 2 with g ~ N(0, 1) and r = theta / l_i."""
    for epsilon in (0.01, 0.1):
        unused = N - len(used(beta))
        for r in used(beta):
            share = chi2.cdf((2 * epsilon + 1 - r + math.log(r)) / (1 - r), df=1)
            unused += share >= 0.99
        assert measured.loc[beta, f"collapsed_units_eps_{epsilon}_delta_0.01"] == unused


@pytest.mark.parametrize("beta", BETAS)
def test_all_of_the_rate_is_mutual_information_up_to_what_the_data_can_show(measured, beta) -> None:
    """The plain mixture misses at most ln(1 + (e^{2R} - 1) / n) nats, and the upper estimate errs the other way."""
    row, n = measured.loc[beta], 10_000
    rate = optimum(SPECTRUM, theta=beta, latent_dim=N).rate_nats
    missing = math.log1p(math.expm1(2 * rate) / n)
    slack = 4 * row["mutual_information_se_nats"] + 0.02 + 0.005 * rate  # of z, and of the training
    assert rate - missing - slack <= row["mutual_information_nats"] <= rate + slack
    assert row["mutual_information_nats"] <= math.log(n) + slack
    assert row["mutual_information_cap_nats"] == pytest.approx(math.log(n), rel=1e-12)
    assert -slack <= row["marginal_kl_nats"] <= missing + slack
    assert -slack <= row["total_correlation_nats"] <= missing + slack
    assert row["mutual_information_nats"] + row["marginal_kl_nats"] == pytest.approx(
        row["rate_nats"], abs=1e-6
    )
    assert row["total_correlation_nats"] + row["dimension_wise_kl_nats"] == pytest.approx(
        row["marginal_kl_nats"], abs=1e-6
    )


def log_likelihood(beta: float) -> float:
    """E ln p(x) of the trained model: x ~ N(0, W W^T + I), whose eigenvalues are l - theta + 1 or 1."""
    model = [eigenvalue - beta + 1 if eigenvalue > beta else 1.0 for eigenvalue in SPECTRUM]
    return -0.5 * sum(math.log(2 * math.pi * c) + value / c for c, value in zip(model, SPECTRUM, strict=True))


@pytest.mark.parametrize("beta", BETAS)
def test_the_importance_weighted_bound_lies_between_the_elbo_and_the_exact_likelihood(measured, beta) -> None:
    row = measured.loc[beta]
    slack = 4 * row["iw_bound_se_nats"] + 0.02
    assert row["iw_elbo_nats"] <= row["iw_bound_nats"] <= log_likelihood(beta) + slack


def test_where_the_weights_are_even_the_bound_is_the_likelihood_and_at_small_beta_it_says_that_it_failed(
    measured,
) -> None:
    even, narrow = measured.loc[1.0], measured.loc[0.02]
    assert even["iw_mean_effective_samples"] > 0.9 * 50
    assert even["iw_bound_nats"] == pytest.approx(
        log_likelihood(1.0), abs=4 * even["iw_bound_se_nats"] + 0.02
    )
    assert narrow["iw_mean_effective_samples"] < 0.2 * 50
    assert narrow["iw_bound_nats"] < log_likelihood(0.02) - 1.0


def test_a_collapsed_posterior_tells_nothing(measured) -> None:
    row = measured.loc[12.0]
    assert row["active_units"] == row["active_units_var_0.001"] == row["active_units_sigma2_0.8"] == 0
    assert row["mutual_information_nats"] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("beta", BETAS)
def test_the_error_at_the_mean_is_theta_squared_over_l(measured, beta) -> None:
    """Within 3 %, or 1 % of the error at sampled z where that is mostly of the sampling."""
    best = sum(beta**2 / value if value > beta else value for value in SPECTRUM)
    slack = max(0.03 * best, 0.01 * optimum(SPECTRUM, theta=beta, latent_dim=N).recon_sse)
    assert measured.loc[beta, "recon_mse_at_mean"] * N == pytest.approx(best, abs=slack)
    assert np.isfinite(measured.loc[beta, "distortion_at_mean_nats"])
