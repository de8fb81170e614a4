"""What finds its own weight or variance ends, for a linear VAE on Gaussian data, where theory says: within 1 %.

The data have exactly the spectrum on which the closed forms hold; 1 % is left for how near Adam comes and for the
noise of z, which in the mean squared error of 49,000 test data has a relative standard error below 0.5 %.
"""

from functools import cache

import pytest
from closed_form import fitted_variance, optimum, theta_of_rate, theta_of_sse

from klsweep.data import Data, Gaussian
from klsweep.result import Result
from klsweep.spec.job import Job, Train
from klsweep.train import Setting, train
from klsweep.vae.likelihoods import Gaussian as GaussianLikelihood
from klsweep.vae.likelihoods import Likelihood, Mse
from klsweep.vae.models import Linear
from klsweep.vae.objectives import Capacity, Elbo, FreeBits, Geco, Objective, TargetRate

SPECTRUM = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25)
DATA = Gaussian(spectrum=SPECTRUM, size=65536, test=0.75, valid=0.0)
LENGTH = Train(epochs=100, batch_size=1024, lr=0.03, lr_decay="cosine")
CLOSE = 0.01


@cache
def data() -> Data:
    return DATA.load()


def fleet(likelihood: Likelihood, objective: Objective, latent_dim: int, betas: list[float]) -> list[Result]:
    jobs = [
        Job(
            dataset=DATA,
            model=Linear(),
            latent_dim=latent_dim,
            likelihood=likelihood,
            objective=objective,
            beta=beta,
            train=LENGTH,
        )
        for beta in betas
    ]
    return train(jobs, data(), Setting())


def test_target_rate_ends_at_the_weight_whose_closed_form_rate_is_the_target() -> None:
    """Whatever the largest weight allowed: one of 100, and one just above what is needed."""
    theta = theta_of_rate(SPECTRUM, rate_nats=3.0, latent_dim=6)
    for result in fleet(Mse(), TargetRate(nats=3.0), 6, [100.0, 2.2 * theta]):
        assert result.row["controlled_beta"] == pytest.approx(2 * theta, rel=CLOSE)  # theta = beta / 2
        assert result.row["theta"] == pytest.approx(theta, rel=CLOSE)
        assert result.row["rate_nats"] == pytest.approx(3.0, rel=CLOSE)


def test_geco_ends_at_half_of_one_over_theta_with_the_error_at_its_constraint() -> None:
    theta = theta_of_sse(SPECTRUM, sse=4.0, latent_dim=6)
    for weight, result in zip([1.0, 3.0], fleet(Mse(), Geco(sse=4.0), 6, [1.0, 3.0]), strict=True):
        assert result.row["controlled_lambda"] == pytest.approx(weight / (2 * theta), rel=CLOSE)
        assert result.row["theta"] == pytest.approx(theta, rel=CLOSE)
        assert result.row["recon_sse"] == pytest.approx(4.0, rel=CLOSE)
        assert result.row["rate_nats"] == pytest.approx(
            optimum(SPECTRUM, theta=theta, latent_dim=6).rate_nats, rel=CLOSE
        )


@pytest.mark.parametrize("variance", ["learned", "optimal"])
def test_a_fitted_variance_ends_at_its_closed_form_below_at_and_above_a_weight_of_1(variance: str) -> None:
    betas = [0.5, 1.0, 1.25]
    results = fleet(GaussianLikelihood(variance=variance), Elbo(), 3, betas)  # type: ignore[arg-type]
    for beta, result in zip(betas, results, strict=True):
        sigma2 = fitted_variance(SPECTRUM, beta=beta, latent_dim=3)
        best = optimum(SPECTRUM, theta=beta * sigma2, latent_dim=3)
        assert result.row["fitted_sigma2"] == pytest.approx(sigma2, rel=CLOSE)
        assert result.row["theta"] == pytest.approx(beta * sigma2, rel=CLOSE)
        assert result.row["rate_nats"] == pytest.approx(best.rate_nats, rel=CLOSE)
        assert result.row["distortion_nats"] == pytest.approx(best.distortion_nats(6, sigma2), rel=CLOSE)


def test_capacity_ends_at_its_rate_on_the_curve_of_the_best() -> None:
    """gamma must be above the weight that holds the rate, 2 theta = 1.3; far above it Adam stops off the curve."""
    theta = theta_of_rate(SPECTRUM, rate_nats=3.0, latent_dim=6)
    result = fleet(Mse(), Capacity(nats=3.0), 6, [3.0])[0]
    assert result.row["capacity_nats"] == pytest.approx(3.0, rel=1e-6)
    assert result.row["rate_nats"] == pytest.approx(3.0, rel=CLOSE)
    assert result.row["recon_sse"] == pytest.approx(
        optimum(SPECTRUM, theta=theta, latent_dim=6).recon_sse, rel=CLOSE
    )


def test_free_bits_keep_each_latent_at_or_above_its_floor_where_nothing_else_would() -> None:
    """At theta = 4, in half of SSE, only the first eigenvalue would be coded, and at 10 none."""
    floor = 0.2
    for result in fleet(Mse(), FreeBits(floor=floor), 3, [8.0, 20.0]):
        rates = result.arrays["rate_per_latent_nats"]
        # The floor is under the mean of a batch of 1024. A rate of 0.2 has means of variance 1 - e^-0.4 = 0.33, so
        # it spreads by 0.33 / sqrt(2) over the data: 4 standard errors of a batch are 0.029.
        assert (rates >= floor - 0.029).all()
        assert rates.min() < 2 * floor  # held there, and not coded for its own sake
