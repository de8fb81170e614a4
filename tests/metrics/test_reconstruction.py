"""Reconstruction in other units, and at the mean: by closed forms, over the whole split, never mixed up."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from worlds import Decoder, encoded, evidence, normal

from klsweep.metrics.evidence import Encoded
from klsweep.metrics.pictures import Ssim
from klsweep.metrics.reconstruction import Reconstruction
from klsweep.result import COLUMNS


@dataclass(frozen=True)
class Coin:
    """p(x|z) = Bernoulli(chance) in every dimension, whatever z is."""

    chance: float

    def expected(self, z: Tensor) -> Tensor:
        return torch.full((len(z), 3), self.chance)

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        chance = torch.tensor(self.chance)
        return (x * chance.log() + (1 - x) * (1 - chance).log()).sum(1)


def pictures(*shape: int, seed: int = 0) -> Tensor:
    return torch.sigmoid(normal(*shape, purpose="pictures", seed=seed))


def test_values_at_the_mean_and_at_a_sample_are_those_of_scipy_on_the_whole_split() -> None:
    n, latents, inputs, sd = (
        1301,
        2,
        5,
        0.7,
    )  # not a multiple of the chunk: a first or last chunk alone would show
    weight = normal(latents, inputs, purpose="weight")
    mean, logvar = normal(n, latents, purpose="mean"), normal(n, latents, purpose="logvar")
    x = normal(n, inputs, purpose="x") * torch.linspace(0.1, 3, n)[:, None]  # data unlike each other
    held = evidence(encoded(mean, logvar=logvar, x=x), model=Decoder(lambda z: z @ weight, sd))
    values = Reconstruction().measure(held)

    def distortion(z: Tensor) -> float:
        return float(-stats.norm.logpdf(x.double(), (z @ weight).double(), sd).sum(axis=1).mean())

    # float32 terms of size 1 to 100 err by 2^-24 of their size, at random: far below 1e-6 of the mean
    assert values["distortion_at_mean_nats"] == pytest.approx(distortion(mean), rel=1e-6)
    assert values["distortion_per_dim_nats"] == pytest.approx(distortion(held.z) / inputs, rel=1e-6)
    mse = ((x - mean @ weight).double() ** 2).mean()
    assert values["recon_mse_at_mean"] == pytest.approx(float(mse), rel=1e-6)
    assert values["distortion_at_mean_nats"] / inputs < values["distortion_per_dim_nats"]


def test_a_wide_posterior_is_better_at_its_mean_by_its_variance_over_the_model_s() -> None:
    """D(z) - D(mean) = tr(W' S W) / (2 sd^2) in expectation: the mean is no stand-in for a sample."""
    n, sd, spread = 4000, 0.5, 0.3
    mean = normal(n, 1, purpose="mean")
    held = evidence(
        encoded(mean, logvar=torch.full((n, 1), math.log(spread**2))), model=Decoder(lambda z: z, sd)
    )
    values = Reconstruction().measure(held)
    gap = values["distortion_per_dim_nats"] - values["distortion_at_mean_nats"]
    expected = spread**2 / (2 * sd**2)
    error = expected * math.sqrt(2 / n)  # the gap of one datum is expected * chi2_1
    assert gap == pytest.approx(expected, abs=4 * error)


def test_bits_per_dimension_of_a_fair_coin_told_without_any_code_is_one() -> None:
    x = (normal(1000, 3) > 0).float()
    prior = Encoded(x=x, mean=torch.zeros(1000, 2), logvar=torch.zeros(1000, 2))
    values = Reconstruction().measure(evidence(prior, model=Coin(0.5), discrete=True))
    assert values["bits_per_dim"] == pytest.approx(1, rel=1e-6)  # float32 log 1/2


def test_bits_per_dimension_hold_the_rate_in_bits_too_shared_by_the_dimensions() -> None:
    n = 700
    x = (normal(n, 3) > 0).float()
    mean, logvar = normal(n, 2, purpose="mean"), normal(n, 2, purpose="logvar")
    values = Reconstruction().measure(
        evidence(encoded(mean, logvar=logvar, x=x), model=Coin(0.5), discrete=True)
    )
    posterior = torch.distributions.Normal(mean.double(), (0.5 * logvar).double().exp())
    prior = torch.distributions.Normal(torch.zeros(2).double(), torch.ones(2).double())
    rate = float(torch.distributions.kl_divergence(posterior, prior).sum(1).mean())
    assert values["bits_per_dim"] == pytest.approx(1 + rate / (3 * math.log(2)), rel=1e-6)


def test_a_density_counts_no_bits() -> None:
    assert Reconstruction().measure(evidence(encoded(normal(20, 2))))["bits_per_dim"] is None


def test_psnr_is_averaged_over_pictures_in_decibel() -> None:
    """Errors of 0.1 and 0.01 everywhere are 20 and 40 dB, 30 on average; their mean squared error alone is 22.97 dB."""
    x = torch.full((2, 1, 4, 4), 0.5)
    codes = torch.tensor([[0.1], [0.01]])
    model = Decoder(lambda z: torch.full((len(z), 1, 4, 4), 0.5) + z[:, :, None, None])
    held = Encoded(x=x, mean=codes, logvar=torch.full((2, 1), -100.0))  # so that a sample is the mean
    values = Reconstruction().measure(evidence(held, model=model))
    # 0.5 + 0.01 in float32 is off by up to 2^-25, which is 3e-6 of the error: 20 log10 of that is 2.6e-5 dB
    assert values["psnr_db"] == pytest.approx(30, abs=1e-4)
    assert values["psnr_at_mean_db"] == pytest.approx(30, abs=1e-4)
    assert -10 * math.log10(values["recon_mse_at_mean"]) == pytest.approx(22.967, abs=1e-3)


def test_psnr_agrees_with_scikit_image() -> None:
    from skimage.metrics import peak_signal_noise_ratio

    x, guess = pictures(30, 3, 6, 5), pictures(30, 3, 6, 5, seed=1)
    held = encoded(guess.flatten(1), x=x)
    values = Reconstruction().measure(evidence(held, model=Decoder(lambda z: z.reshape(-1, 3, 6, 5))))
    each = [
        peak_signal_noise_ratio(a, b, data_range=1.0)
        for a, b in zip(x.double().numpy(), guess.double().numpy(), strict=True)
    ]
    assert values["psnr_at_mean_db"] == pytest.approx(np.mean(each), rel=1e-9)  # float64 throughout


def test_perfect_pictures_have_a_finite_psnr() -> None:
    x = pictures(5, 1, 3, 3)
    values = Reconstruction().measure(
        evidence(encoded(x.flatten(1), x=x), model=Decoder(lambda z: z.reshape(-1, 1, 3, 3)))
    )
    assert values["psnr_at_mean_db"] == pytest.approx(480 * math.log10(2))  # of an error of 2^-24


@pytest.mark.parametrize("x", [normal(9, 4), normal(9, 1, 12, 12)], ids=["flat", "not in [0, 1]"])
def test_what_is_no_picture_in_the_unit_interval_has_no_psnr_and_no_ssim(x: Tensor) -> None:
    held = evidence(encoded(x.flatten(1), x=x), model=Decoder(lambda z: z.reshape(x.shape)))
    values = Reconstruction().measure(held) | Ssim().measure(held)
    assert {values[name] for name in ("psnr_db", "psnr_at_mean_db", "ssim", "ssim_at_mean")} == {None}


def test_no_column_is_one_of_every_run() -> None:
    held = evidence(encoded(normal(4, 2)))
    assert not {*Reconstruction().measure(held), *Ssim().measure(held)} & set(COLUMNS)
