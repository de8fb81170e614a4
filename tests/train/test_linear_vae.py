"""A trained linear VAE is the one that theory says, at every weight and under every reduction."""

from itertools import pairwise

import pytest
from closed_form import optimum

from klsweep.data import Gaussian
from klsweep.result import Result
from klsweep.spec.job import Job, Train
from klsweep.train import Setting, train
from klsweep.vae.likelihoods import Gaussian as GaussianLikelihood
from klsweep.vae.likelihoods import Likelihood, Mse
from klsweep.vae.models import Linear
from klsweep.vae.weights import Reduction

SPECTRUM = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25)
DATA = Gaussian(spectrum=SPECTRUM, size=65536, test=0.9, valid=0.0)
LENGTH = Train(epochs=100, batch_size=512, lr=0.03, lr_decay="cosine")


def fleet(likelihood: Likelihood, latent_dim: int, settings: list[dict[str, object]]) -> list[Result]:
    jobs = [
        Job(
            dataset=DATA,
            model=Linear(),
            latent_dim=latent_dim,
            likelihood=likelihood,
            train=LENGTH,
            **setting,  # type: ignore[arg-type]
        )
        for setting in settings
    ]
    return train(jobs, DATA.load(), Setting())


def check(result: Result, *, theta: float, latent_dim: int, variance: float | None) -> None:
    """Rate within 0.02 nats + 0.5 %, squared error within 1 %, active units exactly.

    The data have exactly the spectrum on which the closed form holds. What is left is how near Adam has come and
    the noise of z: a squared error spreads by less than itself, so over 59,000 test data its mean has a relative
    standard error below 0.41 %.
    """
    best = optimum(SPECTRUM, theta=theta, latent_dim=latent_dim)
    assert result.row["theta"] == pytest.approx(theta, rel=1e-12)
    assert result.row["rate_nats"] == pytest.approx(best.rate_nats, abs=0.02 + 0.005 * best.rate_nats)
    assert result.row["recon_sse"] == pytest.approx(best.recon_sse, rel=0.01)
    assert result.row["active_units"] == best.active_units
    if variance is not None:
        distortion = best.distortion_nats(len(SPECTRUM), variance)
        slack = 0.01 * best.recon_sse / (2 * variance)
        assert result.row["distortion_nats"] == pytest.approx(distortion, abs=slack)


def test_a_linear_vae_reaches_its_closed_form_from_five_active_units_to_total_collapse() -> None:
    betas = [0.3, 0.7, 1.5, 3.0, 6.0, 10.0]
    results = fleet(GaussianLikelihood(variance=1.0), 6, [{"beta": beta} for beta in betas])
    assert [result.row["active_units"] for result in results] == [5, 4, 3, 2, 1, 0]
    for beta, result in zip(betas, results, strict=True):
        check(result, theta=beta, latent_dim=6, variance=1.0)


def test_the_same_raw_weight_lands_on_four_closed_forms_under_four_reductions() -> None:
    n, m = len(SPECTRUM), 4
    # a * SSE + w * c * KL has the water level theta = w c / (2 a).
    thetas = {
        Reduction.SUM: 1 / 2,
        Reduction.MEAN: n / (2 * m),
        Reduction.MEAN_RECON: n / 2,
        Reduction.MEAN_KL: 1 / (2 * m),
    }
    results = fleet(Mse(), m, [{"weight": 1.0, "reduction": reduction} for reduction in thetas])
    for theta, result in zip(thetas.values(), results, strict=True):
        check(result, theta=theta, latent_dim=m, variance=None)
    rates = sorted(optimum(SPECTRUM, theta=theta, latent_dim=m).rate_nats for theta in thetas.values())
    assert (
        min(high - low for low, high in pairwise(rates)) > 0.5
    )  # four optima, far beyond the tolerance apart


def test_beta_and_variance_enter_by_their_product_alone() -> None:
    wide = fleet(GaussianLikelihood(variance=4.0), 3, [{"beta": 0.375}])
    check(wide[0], theta=1.5, latent_dim=3, variance=4.0)
