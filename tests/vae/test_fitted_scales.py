"""A scale that is fitted: trained parameters with a floor, or the batch's own value and what is remembered of it."""

import math
from typing import Literal

import numpy as np
import pytest
import torch
from scipy import stats

from klsweep.vae.likelihoods import Gaussian, Laplace
from klsweep.vae.likelihoods.likelihood import LOG_FLOOR, MEMORY

SHARED = ("learned", "optimal")


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_a_fitted_variance_is_that_of_scipys_normal(shape: tuple[int, ...]) -> None:
    variance: Literal["learned", "learned_per_dim"] = "learned_per_dim" if shape else "learned"
    x, mean, log_variance = drawn(5, 2, 3), drawn(5, 2, 3, seed=1), drawn(*shape, seed=2)
    found = Gaussian(variance=variance).log_prob(x, mean, {"log_scale": log_variance})
    expected = stats.norm.logpdf(x, mean, np.exp(log_variance.numpy() / 2)).sum(axis=(1, 2))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13)  # six terms of a few operations


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_a_fitted_b_is_that_of_scipys_laplace(shape: tuple[int, ...]) -> None:
    b: Literal["learned", "learned_per_dim"] = "learned_per_dim" if shape else "learned"
    x, location, log_b = drawn(5, 2, 3), drawn(5, 2, 3, seed=1), drawn(*shape, seed=2)
    found = Laplace(b=b).log_prob(x, location, {"log_scale": log_b})
    expected = stats.laplace.logpdf(x, location, log_b.exp().numpy()).sum(axis=(1, 2))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize("likelihood", [Gaussian(variance="learned_per_dim"), Laplace(b="learned_per_dim")])
def test_a_scale_for_each_dimension_begins_at_1_and_has_the_shape_of_a_datum(
    likelihood: Gaussian | Laplace,
) -> None:
    parameters = likelihood.parameters((1, 4, 4))
    assert parameters["log_scale"].shape == (1, 4, 4)
    own = likelihood.own_of(parameters, {})
    # The floor's soft bend lifts 0 by ln(1 + e^-12) = 6e-6; eps of 12 is 1.4e-6.
    torch.testing.assert_close(own["log_scale"], torch.zeros(1, 4, 4), rtol=0, atol=9e-6)
    assert likelihood.fitted_sigma2(own) is None


@pytest.mark.parametrize("likelihood", [Gaussian(variance="learned"), Laplace(b="learned")])
def test_a_learned_scale_stays_above_its_floor_and_keeps_its_gradient_elsewhere(
    likelihood: Gaussian | Laplace,
) -> None:
    raw = torch.tensor([-1000.0, -20.0, -5.0, 0.0, 10.0]).requires_grad_()
    log_scale = likelihood.own_of({"log_scale": raw}, {})["log_scale"]
    (gradient,) = torch.autograd.grad(log_scale.sum(), raw)
    assert (log_scale >= LOG_FLOOR).all()
    torch.testing.assert_close(gradient, (raw - LOG_FLOOR).sigmoid(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("likelihood", [Gaussian(variance="optimal"), Laplace(b="optimal")])
def test_the_optimal_scale_is_the_likeliest_of_the_batch(likelihood: Gaussian | Laplace) -> None:
    x, mean = drawn(40, 6), drawn(40, 6, seed=1)
    log_scale = likelihood.own_on(x, mean, {})["log_scale"].requires_grad_()
    best = likelihood.log_prob(x, mean, {"log_scale": log_scale}).mean()
    (slope,) = torch.autograd.grad(best, log_scale)
    assert slope.item() == pytest.approx(0, abs=1e-12)  # 240 terms of size 1 in float64
    for other in (log_scale - 0.1, log_scale + 0.1):
        assert likelihood.log_prob(x, mean, {"log_scale": other}).mean() < best


def test_at_the_optimal_variance_the_distortion_is_half_the_log_of_the_mean_squared_error() -> None:
    x, mean, likelihood = drawn(40, 6), drawn(40, 6, seed=1), Gaussian(variance="optimal")
    found = -likelihood.log_prob(x, mean, likelihood.own_on(x, mean, {})).mean().item()
    mse = (x - mean).square().mean().item()
    assert found == pytest.approx(6 / 2 * (1 + math.log(2 * math.pi * mse)), rel=1e-13)


@pytest.mark.parametrize("likelihood", [Gaussian(variance="optimal"), Laplace(b="optimal")])
def test_a_perfect_fit_has_a_finite_loss_and_gradient(likelihood: Gaussian | Laplace) -> None:
    x = torch.ones(3, 4)
    mean = torch.ones(3, 4).requires_grad_()
    found = likelihood.log_prob(x, mean, likelihood.own_on(x, mean, {})).sum()
    (gradient,) = torch.autograd.grad(found, mean)
    assert found.isfinite()
    assert gradient.isfinite().all()


def test_what_is_remembered_is_the_weighted_mean_of_the_batches_with_no_bias_at_the_start() -> None:
    likelihood, scales = Gaussian(variance="optimal"), [4.0, 1.0, 9.0]
    memory = {name: torch.tensor(value) for name, value in likelihood.start().items()}
    for seen, scale in enumerate(scales, start=1):
        memory = likelihood.next(memory, torch.tensor(scale))
        weights = [MEMORY ** (seen - 1 - batch) for batch in range(seen)]
        fitted = likelihood.fitted_sigma2(likelihood.own_of({}, memory))
        assert fitted is not None
        expected = np.average(scales[:seen], weights=weights)
        # The sum of weights is 1 - 0.99^n, of which float32 knows 1e-2 / 6e-8; a few operations on it.
        assert fitted.item() == pytest.approx(float(expected), rel=2e-5)


@pytest.mark.parametrize("scale", ["learned", "learned_per_dim", 2.0])
def test_only_the_optimal_scale_remembers(scale: Literal["learned", "learned_per_dim"] | float) -> None:
    for likelihood in (Gaussian(variance=scale), Laplace(b=scale)):
        assert likelihood.start() == likelihood.next({}, torch.tensor(1.0)) == {}
        assert likelihood.sigma2 == (2.0 if likelihood == Gaussian(variance=2.0) else None)


def test_theta_takes_a_variance_all_dimensions_share_and_never_a_b() -> None:
    own = {"log_scale": torch.tensor(math.log(0.25))}
    for scale in SHARED:
        fitted = Gaussian(variance=scale).fitted_sigma2(own)  # type: ignore[arg-type]
        assert fitted is not None
        assert fitted.item() == pytest.approx(0.25, rel=1e-6)
        assert Laplace(b=scale).fitted_sigma2(own) is None  # type: ignore[arg-type]
