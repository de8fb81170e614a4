"""Likelihoods are normalised, constants and all, and keep their digits and gradients at the extremes."""

import math
from itertools import product

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from klsweep.vae.likelihoods import Bernoulli, Gaussian, Likelihood, Mse

LOGITS = [-1000.0, -100.0, -20.5, -19.5, -3.0, -1e-4, 0.0, 1e-4, 3.0, 19.5, 20.5, 100.0, 1000.0]
GREYS = [0.0, 1.0, 0.3, 0.5]


def exact_bernoulli(x: float, logit: float) -> float:
    """x l - ln(1 + e^l) to 50 digits; scipy's logpmf knows neither logits nor grey x."""
    with mpmath.workdps(50):
        return float(mpmath.mpf(x) * logit - mpmath.log1p(mpmath.exp(logit)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bernoulli_log_prob_is_right_at_every_logit_and_grey(dtype: torch.dtype) -> None:
    x, logits = torch.tensor(list(product(GREYS, LOGITS)), dtype=dtype).T
    found = Bernoulli().log_prob(x.unsqueeze(1), logits.unsqueeze(1))
    expected = [exact_bernoulli(*pair) for pair in zip(x.tolist(), logits.tolist(), strict=True)]
    # Product, softplus (2 ulp) and difference round terms of size |l|, or of ln 2 where l is small: 4 eps of it.
    # Above 20, torch's softplus is the straight line: e^-20 less, which float32 does not see and float64 does.
    bound = 4 * torch.finfo(dtype).eps * logits.abs().clamp(min=1) + math.exp(-20)
    assert ((found.double() - torch.tensor(expected, dtype=torch.float64)).abs() <= bound).all()


def test_bernoulli_log_prob_is_scipys_where_scipy_has_one() -> None:
    x, logits = np.array([0, 1, 1, 0, 1]), np.array([-2.0, 0.3, 4.0, 1.0, -0.7])
    expected = stats.bernoulli.logpmf(x, special.expit(logits)).sum()
    found = Bernoulli().log_prob(torch.tensor(x[None]).double(), torch.tensor(logits[None]))
    assert found.item() == pytest.approx(expected, rel=1e-14)  # a few operations of 2.2e-16 each


def test_bernoulli_gives_all_binary_data_together_the_probability_1() -> None:
    logits = torch.tensor([[-3.0, 0.2, 1.7, 40.0]], dtype=torch.float64)
    every = torch.tensor(list(product([0.0, 1.0], repeat=4)), dtype=torch.float64)
    total = Bernoulli().log_prob(every, logits.expand(16, 4)).exp().sum().item()
    assert total == pytest.approx(1, rel=40 * 4 * 2.3e-16)  # ln p of size 40 is rounded 4 times


@pytest.mark.parametrize("x", GREYS)
def test_bernoulli_gradient_is_x_minus_probability_even_at_a_logit_of_1000(x: float) -> None:
    logits = torch.tensor([LOGITS]).requires_grad_()
    Bernoulli().log_prob(torch.full_like(logits, x), logits).sum().backward()
    expected = torch.tensor([[float(x - mpmath.mpf(1) / (1 + mpmath.exp(-value))) for value in LOGITS]])
    # torch's softplus is the straight line above 20, where the slope differs from 1 by e^-20 = 2e-9 < eps / 2.
    torch.testing.assert_close(logits.grad, expected, rtol=0, atol=2 * torch.finfo(torch.float32).eps)


@pytest.mark.parametrize("variance", [0.01, 0.5, 1.0, 7.0])
def test_gaussian_log_prob_is_scipys(variance: float) -> None:
    random = np.random.default_rng(0)
    x, mean = random.normal(size=(2, 5, 3, 2, 2))
    expected = stats.norm.logpdf(x, mean, math.sqrt(variance)).sum(axis=(1, 2, 3))
    found = Gaussian(variance=variance).log_prob(torch.tensor(x), torch.tensor(mean))
    # Sums of 12 terms in another order: 12 eps of the sum of their sizes.
    bound = 12 * 2.3e-16 * np.abs(stats.norm.logpdf(x, mean, math.sqrt(variance))).sum(axis=(1, 2, 3)).max()
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=bound)


@pytest.mark.parametrize("variance", [0.01, 0.5, 1.0, 7.0])
def test_gaussian_density_integrates_to_1(variance: float) -> None:
    likelihood, mean = Gaussian(variance=variance), torch.tensor([[0.3]], dtype=torch.float64)

    def density(x: float) -> float:
        return likelihood.log_prob(torch.tensor([[x]], dtype=torch.float64), mean).exp().item()

    reach = 10 * math.sqrt(variance)  # beyond 10 standard deviations lies less than 2e-23
    total, error = integrate.quad(density, 0.3 - reach, 0.3 + reach, points=[0.3])
    assert total == pytest.approx(1, abs=error + 1e-12)


@pytest.mark.parametrize("likelihood", [Gaussian(variance=0.25), Mse()])
def test_gaussian_gradient_is_the_error_over_the_variance_even_at_1000(likelihood: Likelihood) -> None:
    x, mean = torch.zeros(1, 4), torch.tensor([[-1000.0, -1e-3, 0.5, 1000.0]]).requires_grad_()
    likelihood.log_prob(x, mean).sum().backward()
    assert likelihood.sigma2 is not None
    torch.testing.assert_close(mean.grad, (x - mean.detach()) / likelihood.sigma2, rtol=1e-6, atol=0)


def test_mse_is_the_gaussian_of_variance_a_half_without_its_constant() -> None:
    x, mean = torch.randn(2, 5, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    half = Gaussian(variance=0.5).log_prob(x, mean)
    constant = 3 * 8 * 8 / 2 * math.log(math.pi)
    torch.testing.assert_close(Mse().log_prob(x, mean), half + constant, rtol=1e-13, atol=0)
    squared = ((x - mean) ** 2).sum(dim=(1, 2, 3))
    torch.testing.assert_close(Mse().log_prob(x, mean), -squared, rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    ("likelihood", "sigma2"),
    [(Bernoulli(), None), (Gaussian(), 1.0), (Gaussian(variance=3), 3), (Mse(), 0.5)],
)
def test_theta_has_a_variance_where_the_likelihood_fixes_one(
    likelihood: Likelihood, sigma2: float | None
) -> None:
    assert likelihood.sigma2 == sigma2


def test_the_mean_of_bernoulli_is_its_expectation_over_both_values() -> None:
    logits = torch.tensor([[-1000.0, -2.0, 0.0, 0.5, 1000.0]], dtype=torch.float64)
    np.testing.assert_allclose(Bernoulli().mean(logits).numpy(), special.expit(logits.numpy()), rtol=1e-15)


@pytest.mark.parametrize("likelihood", [Gaussian(variance=3.0), Mse()])
def test_the_mean_of_a_gaussian_is_what_the_decoder_says(likelihood: Likelihood) -> None:
    params = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(likelihood.mean(params), params)


def test_cross_entropy_is_the_distortion_of_bernoulli_and_unknown_elsewhere() -> None:
    x, logits = torch.tensor([[0.0, 1.0, 0.3]]), torch.tensor([[0.4, -2.0, 1.0]])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    found = Bernoulli().cross_entropy(x, logits)
    assert found is not None
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)  # about ten operations of 6e-8 each
    assert Gaussian().cross_entropy(x, logits) is None
    assert Mse().cross_entropy(x, logits) is None


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(variance=0.3), Mse()])
def test_data_of_a_batch_do_not_meet_and_their_pixels_are_summed(likelihood: Likelihood) -> None:
    x = torch.rand(6, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    params = torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = likelihood.log_prob(x, params)
    one_pixel = likelihood.log_prob(x.reshape(-1, 1), params.reshape(-1, 1)).reshape(6, -1).sum(1)
    assert together.shape == (6,)
    torch.testing.assert_close(together, one_pixel, rtol=1e-13, atol=0)  # 32 terms in another order


@pytest.mark.parametrize("grey", [0, 600])
def test_one_grey_value_wherever_it_is_makes_bernoulli_no_mass(grey: int) -> None:
    x = torch.ones(601, 3)
    assert Bernoulli().is_mass(x)
    x[grey, 1] = 0.5
    assert not Bernoulli().is_mass(x)
