"""A real run of sweeps/equilibria.yaml ends where theory says: every weight, variance and rate within 1 %.

The data have exactly the spectrum of the spec in every split, so the closed forms of a linear VAE hold on held-out
data too. 1 % is left for how near Adam comes, and for two kinds of noise. The squared error is measured at sampled z:
over 49,152 test data its mean has a relative standard error below 0.5 %. And `capacity` sees the rate of a batch of
1,024: it is at rest where gamma * (P(above C) - P(below C)) = 2 theta, so the mean rate lies z standard errors of a
batch above C, Phi(z) = 1/2 + theta / gamma. The rate spreads over the data by 1.04 nats at 3 nats, so with gamma = 10
that is 0.005 nats, 0.2 %.
"""

from pathlib import Path

import pandas as pd
import pytest
from closed_form import fitted_variance, optimum, theta_of_rate, theta_of_sse

import klsweep

SPEC = Path(__file__).parents[2] / "sweeps" / "equilibria.yaml"
SPECTRUM = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25)
CLOSE = 0.01

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The table that the run of the spec leaves."""
    results = tmp_path_factory.mktemp("results")
    summary = klsweep.run(SPEC, results=results, device="cpu")
    assert summary.exit_code == 0
    return klsweep.load(summary.path)


def of(runs: pd.DataFrame, objective: str, count: int) -> list[dict[str, float]]:
    """The rows of one objective."""
    rows = runs[runs["objective"] == objective]
    assert len(rows) == count
    return rows.to_dict("records")


@pytest.mark.parametrize(
    ("nats", "sigma2", "count"), [(3.0, 0.5, 2), (1.5, 0.02, 1)], ids=["beta 1.26", "beta 73.6"]
)
def test_target_rate_ends_at_the_weight_whose_closed_form_rate_is_the_target(
    runs: pd.DataFrame, nats: float, sigma2: float, count: int
) -> None:
    """Whatever the largest weight allowed, one of 100 or one just above what is needed, and whatever sigma^2."""
    theta = theta_of_rate(SPECTRUM, rate_nats=nats, latent_dim=6)
    for row in of(runs, f"target_rate(nats={nats:g})", count):
        assert row["controlled_beta"] == pytest.approx(theta / sigma2, rel=CLOSE)
        assert row["theta"] == pytest.approx(theta, rel=CLOSE)
        assert row["rate_nats"] == pytest.approx(nats, rel=CLOSE)


def test_geco_ends_at_half_of_one_over_theta_with_the_error_at_its_constraint(runs: pd.DataFrame) -> None:
    theta = theta_of_sse(SPECTRUM, sse=4.0, latent_dim=6)
    best = optimum(SPECTRUM, theta=theta, latent_dim=6)
    rows = of(runs, "geco(sse=4)", 2)
    assert [row["weight"] for row in rows] == [1.0, 3.0]
    for row in rows:
        assert row["controlled_lambda"] == pytest.approx(row["weight"] / (2 * theta), rel=CLOSE)
        assert row["theta"] == pytest.approx(theta, rel=CLOSE)
        assert row["recon_sse"] == pytest.approx(4.0, rel=CLOSE)
        assert row["rate_nats"] == pytest.approx(best.rate_nats, rel=CLOSE)


@pytest.mark.parametrize("variance", ["learned", "optimal"])
def test_a_fitted_variance_ends_at_its_closed_form_below_at_and_above_a_weight_of_1(
    runs: pd.DataFrame, variance: str
) -> None:
    rows = of(runs[runs["likelihood"] == f"gaussian(variance={variance})"], "elbo", 3)
    assert [row["beta"] for row in rows] == [0.5, 1.0, 1.5]
    for row in rows:
        sigma2 = fitted_variance(SPECTRUM, beta=row["beta"], latent_dim=3)
        best = optimum(SPECTRUM, theta=row["beta"] * sigma2, latent_dim=3)
        assert row["fitted_sigma2"] == pytest.approx(sigma2, rel=CLOSE)
        assert row["theta"] == pytest.approx(row["beta"] * sigma2, rel=CLOSE)
        assert row["rate_nats"] == pytest.approx(best.rate_nats, rel=CLOSE)
        assert row["distortion_nats"] == pytest.approx(best.distortion_nats(6, sigma2), rel=CLOSE)


def test_capacity_ends_at_its_rate_on_the_curve_of_the_best(runs: pd.DataFrame) -> None:
    theta = theta_of_rate(SPECTRUM, rate_nats=3.0, latent_dim=6)
    (row,) = of(runs, "capacity(nats=3)", 1)
    assert row["capacity_nats"] == pytest.approx(3.0, rel=1e-6)
    assert row["rate_nats"] == pytest.approx(3.0, rel=CLOSE)
    assert row["recon_sse"] == pytest.approx(
        optimum(SPECTRUM, theta=theta, latent_dim=6).recon_sse, rel=CLOSE
    )
