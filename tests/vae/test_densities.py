"""Densities and mass functions are those of mpmath and scipy, normalised, with right gradients at the extremes."""

import math

import mpmath
import numpy as np
import pytest
import torch
from mpmath import mpf
from scipy import integrate, special, stats

from klsweep.part import members
from klsweep.vae.likelihoods import (
    Bernoulli,
    Beta,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    Likelihood,
    Mse,
)

EPS32 = torch.finfo(torch.float32).eps
NEAR_HALF = [-4e-6, -4e-7, 0.0, 1e-12, 4e-7, 4e-6]  # logits of probabilities within 1e-6 of 1/2
ETAS = [-1000.0, -100.0, -16.5, -3.0, -1.001, -0.999, -0.01, *NEAR_HALF, 0.04, 0.999, 1.0, 3.0, 88.8, 1000.0]
GREYS = [0.0, 0.3, 0.5, 1.0]


def float64(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


# Continuous Bernoulli ------------------------------------------------------------------------------------------------


def exact_log_partition(eta: float) -> mpf:
    """ln((e^eta - 1) / eta), the integral of e^(eta x) over [0, 1]."""
    return mpmath.log(mpmath.expm1(mpf(eta)) / eta) if eta else mpf(0)


def exact_mean(eta: float) -> mpf:
    return 1 / -mpmath.expm1(-mpf(eta)) - 1 / mpf(eta) if eta else mpf(0.5)


@pytest.mark.parametrize("x", GREYS)
def test_continuous_bernoulli_is_right_at_every_logit(x: float) -> None:
    etas = torch.tensor(ETAS)
    found = ContinuousBernoulli().log_prob(torch.full((len(ETAS), 1), x), etas.unsqueeze(1)).double()
    with mpmath.workdps(50):
        exact = [float(mpf(grey) * eta - exact_log_partition(eta)) for grey, eta in _pairs(x, etas)]
    # Product, logarithms and sums round terms of size |eta|, or of 1 where eta is small: 4 eps of it.
    assert ((found - float64(*exact)).abs() <= 4 * EPS32 * etas.abs().clamp(min=1)).all()


@pytest.mark.parametrize("x", GREYS)
def test_the_gradient_of_continuous_bernoulli_is_x_less_the_mean(x: float) -> None:
    etas = torch.tensor([ETAS]).requires_grad_()
    ContinuousBernoulli().log_prob(torch.full((1, len(ETAS)), x), etas).sum().backward()
    with mpmath.workdps(50):
        exact = [[float(mpf(grey) - exact_mean(eta)) for grey, eta in _pairs(x, etas.detach()[0])]]
    # Terms of size at most 1.6, each rounded a few times.
    torch.testing.assert_close(etas.grad, torch.tensor(exact), rtol=0, atol=6 * EPS32)


def test_the_mean_of_continuous_bernoulli_and_its_gradient_are_right_at_every_logit() -> None:
    etas = torch.tensor(ETAS).requires_grad_()
    mean = ContinuousBernoulli().mean(etas)
    mean.sum().backward()
    values = etas.detach().tolist()
    with mpmath.workdps(50):
        means = [float(exact_mean(eta)) for eta in values]
        variances = [
            float(1 / mpf(eta) ** 2 - 1 / (4 * mpmath.sinh(mpf(eta) / 2) ** 2))
            if abs(eta) > 1e-10
            else 1 / 12
            for eta in values
        ]
    # Sums of two terms of size at most 1; d mean / d eta is the variance, from terms of size at most 1.
    torch.testing.assert_close(mean.detach(), torch.tensor(means), rtol=EPS32, atol=2 * EPS32)
    torch.testing.assert_close(etas.grad, torch.tensor(variances), rtol=EPS32, atol=6 * EPS32)


@pytest.mark.parametrize(
    ("probability", "log_c"),
    [
        (0.5, 0.693147180559945),
        (0.49, 0.693280537010058),
        (0.25, 0.787195008176645),
        (0.01, 1.54519754551290),
        (0.99, 1.54519754551290),
    ],
)
def test_the_normaliser_of_continuous_bernoulli_is_the_published_one(
    probability: float, log_c: float
) -> None:
    """ln C of Loaiza-Ganem & Cunningham 2019, 2 atanh(1 - 2 p) / (1 - 2 p), by mpmath."""
    eta = float64(special.logit(probability)).unsqueeze(0)
    at_0 = ContinuousBernoulli().log_prob(float64(0).unsqueeze(0), eta).item()
    # The series that serves |eta| < 1 leaves out eta^10 / 4.8e8; nothing else is larger.
    assert at_0 - math.log1p(-probability) == pytest.approx(log_c, abs=2.1e-9)


@pytest.mark.parametrize(
    ("probability", "mean"), [(0.1, 0.330119613313419), (0.25, 0.410239226626837), (0.5, 0.5)]
)
def test_the_mean_of_continuous_bernoulli_is_the_published_one(probability: float, mean: float) -> None:
    found = ContinuousBernoulli().mean(float64(special.logit(probability))).item()
    assert found == pytest.approx(mean, rel=1e-13)  # a few operations in float64


# Beta ----------------------------------------------------------------------------------------------------------------

BETA_PARAMS = [(a, b) for a in (-1000.0, -5.0, 0.0, 4.0, 1000.0) for b in (-20.0, 0.5, 30.0, 1000.0)]


def positive(param: float) -> float:
    return float(1e-6 + np.logaddexp(0, param))


@pytest.mark.parametrize("x", [0.0, 1e-6, 0.2, 0.9, 1.0])
def test_beta_is_scipys_at_the_clipped_x_with_its_gradient(x: float) -> None:
    params = torch.tensor([BETA_PARAMS]).transpose(0, 1).requires_grad_()
    found = Beta().log_prob(torch.full((len(BETA_PARAMS), 1), x), params)
    found.sum().backward()
    assert params.grad is not None
    assert params.grad.isfinite().all()
    clipped = torch.tensor(x).clamp(1e-4, 1 - 1e-4).double().item()
    for (p, q), log_p, gradient in zip(BETA_PARAMS, found.tolist(), params.grad[:, 0].tolist(), strict=True):
        a, b = positive(p), positive(q)
        terms = [
            *((a - 1) * math.log(clipped), (b - 1) * math.log1p(-clipped)),
            *(special.gammaln(a), special.gammaln(b), special.gammaln(a + b)),
        ]
        # a and b are rounded three times, each term about as often: 8 eps of the terms' sizes.
        slack = 8 * EPS32 * (1 + sum(map(abs, terms)))
        assert log_p == pytest.approx(stats.beta.logpdf(clipped, a, b), abs=slack)
        d_a = math.log(clipped) - special.digamma(a) + special.digamma(a + b)
        size = abs(math.log(clipped)) + abs(special.digamma(a)) + abs(special.digamma(a + b))
        # digamma(a) near 0 is -1/a, of which the rounding of a is a relative error: within the same 8 eps.
        assert gradient[0] == pytest.approx(special.expit(p) * d_a, abs=8 * EPS32 * special.expit(p) * size)


def test_the_clipping_of_beta_is_where_it_says() -> None:
    params = torch.tensor([[[2.0, -1.0]]])
    at = {
        x: Beta(epsilon=0.01).log_prob(torch.tensor([[x]]), params).item() for x in (0, 0.01, 0.02, 0.99, 1)
    }
    assert at[0] == at[0.01] != at[0.02]
    assert at[1] == at[0.99]


# On the real line ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("b", [0.01, 1.0, 7.0])
def test_laplace_is_scipys(b: float) -> None:
    x, location = np.random.default_rng(0).normal(size=(2, 5, 3, 2, 2))
    expected = stats.laplace.logpdf(x, location, b)
    found = Laplace(b=b).log_prob(torch.tensor(x), torch.tensor(location))
    # Sums of 12 terms in another order: 12 eps of the sum of their sizes.
    bound = 12 * 2.3e-16 * (np.abs(x - location) / b + abs(math.log(2 * b))).sum(axis=(1, 2, 3)).max()
    np.testing.assert_allclose(found.numpy(), expected.sum(axis=(1, 2, 3)), rtol=0, atol=bound)


def test_the_gradient_of_laplace_is_the_sign_of_the_error_over_b_even_at_1000() -> None:
    location = torch.tensor([[-1000.0, -1e-3, 0.5, 1000.0]]).requires_grad_()
    Laplace(b=0.25).log_prob(torch.zeros(1, 4), location).sum().backward()
    assert location.grad is not None
    assert location.grad.tolist() == [[4, 4, -4, -4]]


# All of them ---------------------------------------------------------------------------------------------------------

DENSITIES: list[tuple[Likelihood, list[float]]] = [
    (ContinuousBernoulli(), [-30.0]),
    (ContinuousBernoulli(), [4e-7]),
    (ContinuousBernoulli(), [5.0]),
    (Laplace(b=0.1), [0.4]),
    (Laplace(), [0.4]),
    (Gaussian(), [0.4]),
]


@pytest.mark.parametrize(("likelihood", "params"), DENSITIES)
def test_a_density_integrates_to_1_and_its_mean_is_the_integral_of_x(
    likelihood: Likelihood, params: list[float]
) -> None:
    def density(x: float) -> float:
        return likelihood.log_prob(float64(x).unsqueeze(0), float64(*params).unsqueeze(0)).exp().item()

    low, high = (0.0, 1.0) if likelihood.support == "unit interval" else (params[0] - 40, params[0] + 40)
    breaks = {"points": [0.4], "limit": 200} if likelihood.support == "real line" else {}
    mean = likelihood.mean(float64(*params)).item()
    for power, expected in ((0, 1.0), (1, mean)):
        total, error = integrate.quad(
            lambda x, power: density(x) * x**power, low, high, args=(power,), **breaks
        )
        # 2e-9 is what continuous Bernoulli's series leaves out; e^-40 lies beyond the reach.
        assert total == pytest.approx(expected, abs=error + 2.1e-9)


@pytest.mark.parametrize("params", [(0.5, 0.5), (2.0, 5.0), (3.0, -0.5)])
def test_beta_integrates_to_1_where_it_is_not_clipped_and_has_scipys_mean(
    params: tuple[float, float],
) -> None:
    a, b = map(positive, params)
    given, epsilon = float64(*params).reshape(1, 1, 2), 1e-4

    def density(x: float) -> float:
        return Beta(epsilon=epsilon).log_prob(float64(x).reshape(1, 1), given).exp().item()

    total, error = integrate.quad(density, epsilon, 1 - epsilon, limit=200)
    expected = stats.beta.cdf(1 - epsilon, a, b) - stats.beta.cdf(epsilon, a, b)
    assert total == pytest.approx(expected, abs=error + 1e-12)
    assert Beta().mean(given).item() == pytest.approx(stats.beta.mean(a, b), rel=1e-14)


NEEDED = {"tokens": {"vocabulary": 9}}
"""Settings of likelihoods that have no default."""


@pytest.mark.parametrize("kind", members(Likelihood))
@pytest.mark.parametrize("half", [False, True])
def test_every_likelihood_is_finite_with_its_gradients_also_in_half_precision(kind: str, half: bool) -> None:
    likelihood: Likelihood = members(Likelihood)[kind](**NEEDED.get(kind, {}))  # type: ignore[assignment]
    x = torch.tensor([[3.0, 4.0, 2.0, 0.0] if likelihood.tokens else [0.0, 1.0, 0.3, 0.5]])
    for value in (-1000.0, -30.0, 0.0, 30.0, 1000.0):
        shape = (1, 4) if likelihood.params_per_value == 1 else (1, 4, likelihood.params_per_value)
        given = torch.full(shape, value)
        given[..., 0] = -value  # two parameters at two extremes
        given = given.to(torch.bfloat16 if half else torch.float32).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            found = likelihood.log_prob(x, given)
            mean = likelihood.mean(given)
            (gradient,) = torch.autograd.grad(found.sum() + mean.float().sum(), given)
            entropy = likelihood.cross_entropy(x, given)
        assert all(tensor.isfinite().all() for tensor in (found, mean, gradient))
        assert entropy is None or entropy.isfinite().all()
        if likelihood.support == "unit interval":
            assert ((mean >= 0) & (mean <= 1)).all()


EXAMPLES: list[Likelihood] = [
    *(Bernoulli(), ContinuousBernoulli(), Beta(), Categorical(levels=4), DiscretizedLogistic()),
    *(Laplace(b=0.3), Gaussian(variance=0.3), Mse()),
]


@pytest.mark.parametrize("likelihood", EXAMPLES)
def test_data_of_a_batch_do_not_meet_and_their_values_are_summed(likelihood: Likelihood) -> None:
    random = torch.Generator().manual_seed(0)
    each = () if likelihood.params_per_value == 1 else (likelihood.params_per_value,)
    x = torch.rand(6, 2, 4, 4, generator=random, dtype=torch.float64)
    params = torch.randn(6, 2, 4, 4, *each, generator=random, dtype=torch.float64)
    together = likelihood.log_prob(x, params)
    alone = likelihood.log_prob(x.reshape(-1, 1), params.reshape(-1, 1, *each)).reshape(6, -1).sum(1)
    assert together.shape == (6,)
    assert likelihood.mean(params).shape == x.shape
    torch.testing.assert_close(together, alone, rtol=1e-13, atol=0)  # 32 terms in another order


def _pairs(x: float, etas: torch.Tensor) -> list[tuple[float, float]]:
    """x as float32 holds it, with every logit as float32 holds it."""
    return [(torch.tensor(x).item(), eta) for eta in etas.tolist()]
