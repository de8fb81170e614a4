"""A KL weight means the same in every unit, and what published code writes has the beta that follows by algebra."""

from dataclasses import astuple
from fractions import Fraction
from itertools import product

import pytest

from klsweep.vae.likelihoods import Bernoulli, Gaussian, Likelihood, Mse
from klsweep.vae.weights import Reduction, Unit, scales, weighting

# A factor of the maps is one quotient of correctly rounded quotients (1.5 eps) and a value one product or quotient
# more (0.5 eps each way): 4 eps = 8.9e-16 at most, with eps = 2.2e-16.
ROUNDING = 1e-15
SIZES = [(784, 10), (12288, 128), (3, 7), (1, 1), (64, 64)]


def exact(reduction: Reduction, n: int, m: int) -> tuple[Fraction, Fraction]:
    """(a, c) of the table, as fractions."""
    return {
        Reduction.SUM: (Fraction(1), Fraction(1)),
        Reduction.MEAN: (Fraction(1, n), Fraction(1, m)),
        Reduction.MEAN_RECON: (Fraction(1, n), Fraction(1)),
        Reduction.MEAN_KL: (Fraction(1), Fraction(1, m)),
    }[reduction]


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize(
    ("reduction", "beta", "beta_norm"),
    [
        (Reduction.SUM, lambda w, _n, _m: w, lambda w, n, m: w * m / n),
        (Reduction.MEAN, lambda w, n, m: w * n / m, lambda w, _n, _m: w),
        (Reduction.MEAN_RECON, lambda w, n, _m: w * n, lambda w, _n, m: w * m),
        (Reduction.MEAN_KL, lambda w, _n, m: w / m, lambda w, n, _m: w / n),
    ],
)
def test_a_raw_weight_has_the_beta_and_beta_norm_of_its_reduction(
    reduction: Reduction, beta, beta_norm, n: int, m: int
) -> None:
    for raw in (0.1, 4.0, 0.00025, 1 / 3):
        found = weighting(raw, Unit.WEIGHT, reduction=reduction, input_dim=n, latent_dim=m)
        assert found.weight == raw
        assert found.beta == pytest.approx(float(beta(Fraction(raw), n, m)), rel=ROUNDING)
        assert found.beta_norm == pytest.approx(float(beta_norm(Fraction(raw), n, m)), rel=ROUNDING)


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_the_loss_as_written_is_a_times_the_loss_in_beta(reduction: Reduction, n: int, m: int) -> None:
    found = weighting(0.7, Unit.BETA_NORM, reduction=reduction, input_dim=n, latent_dim=m)
    a, c = exact(reduction, n, m)
    assert astuple(scales(reduction, input_dim=n, latent_dim=m)) == (float(a), float(c))
    recon, kl = 90.0, 12.0
    written = found.scales.recon * recon + found.weight * found.scales.kl * kl
    assert written == pytest.approx(float(a) * (recon + found.beta * kl), rel=4 * ROUNDING)


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize(("given", "asked"), list(product(Unit, Unit)))
def test_a_weight_survives_the_way_to_another_unit_and_back(
    reduction: Reduction, given: Unit, asked: Unit
) -> None:
    for (n, m), value in product(SIZES, (0.1, 1 / 3, 4.0, 1e-12, 1e12)):
        there = weighting(value, given, reduction=reduction, input_dim=n, latent_dim=m)
        back = weighting(getattr(there, asked), asked, reduction=reduction, input_dim=n, latent_dim=m)
        assert getattr(back, given) == pytest.approx(value, rel=ROUNDING)


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("unit", Unit)
def test_the_unit_that_was_given_comes_back_untouched(reduction: Reduction, unit: Unit) -> None:
    for value in (0.1, 0.3, 1 / 3, 1e-300, 0.0):
        found = weighting(value, unit, reduction=reduction, input_dim=7, latent_dim=3)
        assert getattr(found, unit) == value


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("unit", Unit)
def test_no_weight_is_no_weight_in_every_unit(reduction: Reduction, unit: Unit) -> None:
    found = weighting(0.0, unit, reduction=reduction, input_dim=784, latent_dim=10)
    assert (found.weight, found.beta, found.beta_norm) == (0, 0, 0)


def test_one_raw_weight_is_four_different_objectives() -> None:
    betas = [
        weighting(0.1, Unit.WEIGHT, reduction=reduction, input_dim=784, latent_dim=10).beta
        for reduction in Reduction
    ]
    assert betas == pytest.approx([0.1, 7.84, 78.4, 0.01], rel=ROUNDING)


IMAGE_32, IMAGE_64, MNIST = 3 * 32 * 32, 3 * 64 * 64, 28 * 28
PUBLISHED = [
    # what the code writes                     N         M    likelihood               reduction             w
    ("pythae, 0.5 SSE + KL", MNIST, 16, Gaussian(variance=1.0), Reduction.SUM, 1.0, "1", "0.02"),
    ("disentanglement_lib, SSE + KL", IMAGE_64, 10, Mse(), Reduction.SUM, 1.0, "0.5", "0.00041"),
    ("MR-VAE images, SSE + KL", IMAGE_32, 256, Mse(), Reduction.SUM, 1.0, "0.5", "0.042"),
    ("PyTorch-VAE, MSE + 0.00025 KL", IMAGE_64, 128, Mse(), Reduction.MEAN_RECON, 0.00025, "1.536", "0.016"),
    ("PyTorch-VAE bhvae", IMAGE_64, 128, Mse(), Reduction.MEAN_RECON, 0.0025, "15.4", "0.16"),
    ("PyTorch-VAE, validating", IMAGE_64, 128, Mse(), Reduction.MEAN_RECON, 1.0, "6144", "64"),
    ("bolts, MSE + 0.1 mean KL", IMAGE_32, 256, Mse(), Reduction.MEAN, 0.1, "0.6", "0.05"),
    ("disent, MSE + 0.003 mean KL", IMAGE_64, 9, Mse(), Reduction.MEAN, 0.003, "2.05", "0.0015"),
    ("disent, MSE + 0.0316 mean KL", IMAGE_64, 25, Mse(), Reduction.MEAN, 0.0316, "7.8", "0.016"),
    ("disvae, 255 SSE + 4 KL", 1024, 10, Gaussian(variance=1 / 510), Reduction.SUM, 4.0, "0.0078", "7.7e-05"),
]
"""The last two: beta * sigma^2, which is beta where sigma^2 = 1, and the same times M/N, both as published."""


@pytest.mark.parametrize(("code", "n", "m", "likelihood", "reduction", "raw", "theta", "norm"), PUBLISHED)
def test_published_squared_errors_have_the_beta_that_their_reductions_hide(
    code: str, n: int, m: int, likelihood: Likelihood, reduction: Reduction, raw: float, theta: str, norm: str
) -> None:
    found = weighting(raw, Unit.WEIGHT, reduction=reduction, input_dim=n, latent_dim=m)
    assert likelihood.sigma2 is not None
    assert _rounded(found.beta * likelihood.sigma2, as_in=theta) == float(theta)
    assert _rounded(found.beta_norm * likelihood.sigma2, as_in=norm) == float(norm)


@pytest.mark.parametrize(
    ("code", "n", "m", "reduction", "raw", "beta"),
    [
        ("pytorch/examples, all sums", MNIST, 20, Reduction.SUM, 1.0, 1),
        ("Keras example before its fix, mean BCE + summed KL", MNIST, 2, Reduction.MEAN_RECON, 1.0, 784),
        ("keras-molecules, summed CE + mean KL", 4200, 292, Reduction.MEAN_KL, 1.0, 1 / 292),
        ("sigma-VAE mse_vae, KL summed over 128 data", 2352, 10, Reduction.MEAN_RECON, 128.0, 301056),
    ],
)
def test_published_likelihoods_have_the_beta_that_their_reductions_hide(
    code: str, n: int, m: int, reduction: Reduction, raw: float, beta: float
) -> None:
    found = weighting(raw, Unit.WEIGHT, reduction=reduction, input_dim=n, latent_dim=m)
    assert found.beta == pytest.approx(beta, rel=ROUNDING)
    assert Bernoulli().sigma2 is None  # so beta is the whole story: there is no variance to trade it against


def _rounded(value: float, *, as_in: str) -> float:
    """`value` to as many significant digits as were published."""
    digits = len(as_in.split("e")[0].replace(".", "").lstrip("0"))
    return float(f"{value:.{digits}g}")
