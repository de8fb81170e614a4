"""The closed form of the linear VAE, the witness of the training tests, is itself the minimum of the loss."""

import numpy as np
import pytest
from closed_form import optimum
from scipy.optimize import minimize

SPECTRUM = np.array([3.0, 1.5, 0.4])
LATENT = 2


def expected_loss(free: np.ndarray, theta: float) -> float:
    """E|x - Wz|^2 / 2 + theta * KL for z = Vx + sqrt(v) e: the loss of a linear VAE times sigma^2."""
    decoder = free[:6].reshape(3, LATENT)
    encoder = free[6:12].reshape(LATENT, 3)
    logvar = free[12:]
    missed = np.eye(3) - decoder @ encoder
    error = np.trace(missed @ np.diag(SPECTRUM) @ missed.T) + np.exp(logvar) @ (decoder**2).sum(0)
    spread = np.diag(encoder @ np.diag(SPECTRUM) @ encoder.T)
    return float(error / 2 + theta * 0.5 * (spread + np.exp(logvar) - 1 - logvar).sum())


@pytest.mark.parametrize("theta", [0.2, 1.0, 2.0, 4.0])
def test_no_search_over_linear_vaes_finds_a_smaller_loss_than_the_closed_form(theta: float) -> None:
    random = np.random.default_rng(0)
    found = min(
        minimize(expected_loss, random.normal(size=14), args=(theta,), options={"gtol": 1e-7}).fun
        for _ in range(3)
    )
    best = optimum(SPECTRUM.tolist(), theta=theta, latent_dim=LATENT)
    # BFGS stops at a gradient of 1e-7, so the loss is flat to far below 1e-6 there.
    assert found == pytest.approx(best.recon_sse / 2 + theta * best.rate_nats, abs=1e-6)


def test_the_rate_is_the_slope_of_the_distortion() -> None:
    low, high = (optimum(SPECTRUM.tolist(), theta=1.0 + step, latent_dim=3) for step in (-1e-5, 1e-5))
    slope = (high.recon_sse - low.recon_sse) / (high.rate_nats - low.rate_nats)
    assert slope == pytest.approx(
        -2.0, rel=1e-6
    )  # dSSE / dR = -2 theta; the difference quotient errs by 1e-10


def test_nothing_is_coded_where_theta_reaches_the_largest_eigenvalue() -> None:
    collapsed = optimum(SPECTRUM.tolist(), theta=3.0, latent_dim=3)
    assert (collapsed.rate_nats, collapsed.active_units) == (0, 0)
    assert collapsed.recon_sse == pytest.approx(SPECTRUM.sum(), rel=1e-15)
