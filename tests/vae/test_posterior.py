"""The rate is the KL divergence to the prior, exact where the posterior nearly is the prior, and z is its sample."""

import math

import mpmath
import pytest
import torch
from scipy import integrate, stats

from klsweep.vae import posterior

EPS32 = torch.finfo(torch.float32).eps


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_rate_is_torchs_kl_divergence() -> None:
    mean, logvar = 3 * normal(50, 7, seed=0), 3 * normal(50, 7, seed=1)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    # Each is a sum of three terms rounded a few times; the largest is below 1 + e^|logvar| + mean^2.
    bound = 1e-15 * (1 + logvar.exp() + mean**2 + logvar.abs())
    assert ((posterior.rate_per_latent(mean, logvar) - expected).abs() <= bound).all()


@pytest.mark.parametrize(("mean", "logvar"), [(0.0, 0.0), (1.5, -2.0), (-0.3, 1.0), (4.0, -6.0), (0.0, 3.0)])
def test_the_rate_is_the_integral_of_q_ln_q_over_p(mean: float, logvar: float) -> None:
    q, p = stats.norm(mean, math.exp(logvar / 2)), stats.norm(0, 1)
    reach = 12 * q.std()
    value, error = integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mean - reach, mean + reach, points=[mean]
    )
    found = posterior.rate_per_latent(*torch.tensor([mean, logvar], dtype=torch.float64)).item()
    assert found == pytest.approx(value, abs=error + 1e-9)


@pytest.mark.parametrize("size", [10.0**-power for power in range(1, 8)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_rate_keeps_its_digits_where_the_posterior_nearly_is_the_prior(size: float, sign: int) -> None:
    logvar = torch.tensor(sign * size)
    with mpmath.workdps(50):
        v = mpmath.mpf(logvar.item())
        expected = float((mpmath.expm1(v) - v) / 2)
    found = posterior.rate_per_latent(torch.zeros(()), logvar).item()
    # expm1 is within one ulp of a number near |v|, and the difference from v is exact: eps |v|, halved. The plain
    # e^v - 1 - v would be off by up to eps / 2, ten million times as much at |v| = 1e-7.
    assert found == pytest.approx(expected, abs=EPS32 * size)


def test_the_rate_is_never_negative_and_nothing_at_the_prior() -> None:
    bits = torch.arange(0, 0x42000000, 4999, dtype=torch.int32)  # every exponent from 0 to 2^5
    sizes = bits.view(torch.float32)
    for logvar in (sizes, -sizes):
        assert (posterior.rate_per_latent(torch.zeros_like(logvar), logvar) >= 0).all()
    assert posterior.rate_per_latent(torch.zeros(3), torch.zeros(3)).tolist() == [0, 0, 0]


def test_the_gradient_of_the_rate_is_right_from_collapse_to_a_variance_of_e_20() -> None:
    logvar = torch.tensor([-20.0, -1.0, -1e-4, 0.0, 1e-4, 1.0, 20.0]).requires_grad_()
    mean = torch.linspace(-3, 3, 7).requires_grad_()
    posterior.rate_per_latent(mean, logvar).sum().backward()
    expected = (logvar.detach().double().expm1() / 2).float()
    torch.testing.assert_close(mean.grad, mean.detach(), rtol=EPS32, atol=0)
    # autograd writes e^v - 1 as (expm1(v) + 1) - 1: an absolute error of eps.
    torch.testing.assert_close(logvar.grad, expected, rtol=4 * EPS32, atol=EPS32)


def test_samples_have_the_mean_and_variance_of_the_posterior() -> None:
    n, mean, logvar = 100_000, torch.tensor([0.0, -2.0, 5.0]), torch.tensor([0.0, -3.0, 1.5])
    noise = normal(n, 3, seed=0)
    z = posterior.sample(mean.expand(n, 3).double(), logvar.expand(n, 3).double(), noise)
    variance = logvar.double().exp()
    # 4 standard errors of a mean, sqrt(v / n), and of a variance, v sqrt(2 / n).
    assert ((z.mean(0) - mean).abs() <= 4 * (variance / n).sqrt()).all()
    assert ((z.var(0) - variance).abs() <= 4 * variance * math.sqrt(2 / n)).all()


def test_samples_pass_their_gradient_to_mean_and_logvar() -> None:
    mean, logvar = normal(5, seed=0).requires_grad_(), normal(5, seed=1).requires_grad_()
    noise = normal(5, seed=2)
    posterior.sample(mean, logvar, noise).sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones(5, dtype=torch.float64))
    torch.testing.assert_close(logvar.grad, 0.5 * (logvar.detach() / 2).exp() * noise)
