"""Structural similarity as its paper defines it, and what it asks to be installed."""

import math
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from worlds import Decoder, encoded, evidence, normal

from klsweep.metrics.evidence import Values
from klsweep.metrics.pictures import Ssim


def pictures(*shape: int, seed: int = 0) -> Tensor:
    return torch.sigmoid(normal(*shape, purpose="pictures", seed=seed))


def measured(x: Tensor, guess: Tensor, *, size: int = 500) -> Values:
    """SSIM of data against a model whose reconstruction at the mean is `guess`."""
    decoder = Decoder(lambda z: z.reshape(-1, *x.shape[1:]))
    return Ssim(size=size).measure(evidence(encoded(guess.flatten(1), x=x), model=decoder))


def by_definition(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Wang et al. 2004 on one grey picture: every window of 11 x 11 that lies inside it, in plain loops."""
    offsets = np.arange(-5, 6)
    bell = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / bell.sum() ** 2
    c1, c2 = 0.01**2, 0.03**2
    found = []
    for i in range(a.shape[0] - 10):
        for j in range(a.shape[1] - 10):
            p, q = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mp, mq = (weights * p).sum(), (weights * q).sum()
            vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
            cov = (weights * (p - mp) * (q - mq)).sum()
            found.append((2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    return float(np.mean(found))


def test_it_is_the_definition_written_out() -> None:
    x = pictures(6, 1, 14, 13)
    guess = (x + 0.1 * normal(6, 1, 14, 13)).clamp(0, 1)
    each = [
        by_definition(a[0], b[0]) for a, b in zip(x.double().numpy(), guess.double().numpy(), strict=True)
    ]
    # moments as E[x^2] - E[x]^2 in float64 err by 1e-16 against c2 = 9e-4
    assert measured(x, guess)["ssim_at_mean"] == pytest.approx(np.mean(each), rel=1e-10)


def test_colours_are_averaged() -> None:
    x, guess = pictures(3, 2, 12, 12), pictures(3, 2, 12, 12, seed=1)
    colours = [measured(x[:, [c]], guess[:, [c]])["ssim_at_mean"] for c in range(2)]
    assert measured(x, guess)["ssim_at_mean"] == pytest.approx(np.mean(colours), rel=1e-12)


def test_perfect_is_one_noise_is_near_zero_and_a_negative_is_below_it() -> None:
    x = pictures(40, 1, 28, 28)
    assert measured(x, x)["ssim_at_mean"] == pytest.approx(1, rel=1e-12)
    assert measured(x, pictures(40, 1, 28, 28, seed=1))["ssim_at_mean"] == pytest.approx(0, abs=0.05)
    assert measured(x, 1 - x)["ssim_at_mean"] < -0.9


def test_grey_at_the_mean_of_the_data_is_deceptive_for_squared_error_and_scores_nothing_here() -> None:
    """Grey has half the squared error of other noise, and yet no structure in common."""
    x = pictures(40, 1, 28, 28)
    grey = torch.full_like(x, float(x.mean()))
    assert (x - grey).square().mean() < 0.6 * (x - pictures(40, 1, 28, 28, seed=1)).square().mean()
    assert measured(x, grey)["ssim_at_mean"] < 0.05


def test_constant_pictures_by_the_closed_form() -> None:
    """Without contrast only the luminance is left; taking the data range of floats as 2 would change c1."""
    a, b, c1 = 0.25, 0.75, 0.01**2
    found = measured(torch.full((2, 1, 11, 11), a), torch.full((2, 1, 11, 11), b))["ssim_at_mean"]
    assert found == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), rel=1e-12)


def test_a_sampled_z_is_not_the_mean() -> None:
    x = pictures(20, 1, 11, 11)
    held = encoded(x.flatten(1), x=x, logvar=torch.full((20, 121), 2 * math.log(0.3)))
    values = Ssim().measure(evidence(held, model=Decoder(lambda z: z.reshape(-1, 1, 11, 11))))
    assert values["ssim_at_mean"] == pytest.approx(1)
    assert values["ssim"] < 0.9


def test_pictures_narrower_than_the_window_have_none() -> None:
    x = pictures(4, 1, 28, 10)
    assert measured(x, x) == {"ssim": None, "ssim_at_mean": None}


def test_a_subset_is_as_large_as_asked_and_always_the_same() -> None:
    x, guess = pictures(30, 1, 11, 11), pictures(30, 1, 11, 11, seed=1)
    each = [measured(x[[i]], guess[[i]])["ssim_at_mean"] for i in range(30)]
    one = measured(x, guess, size=1)["ssim_at_mean"]
    assert one == measured(x, guess, size=1)["ssim_at_mean"]
    assert any(one == pytest.approx(value, rel=1e-12) for value in each)
    assert measured(x, guess, size=30)["ssim_at_mean"] == pytest.approx(np.mean(each), rel=1e-12)


def test_it_says_which_module_is_missing_and_what_brings_it() -> None:
    class Elsewhere(Ssim):  # a stand-in for a machine without the extra
        kind: Literal["elsewhere"] = "elsewhere"
        needs = ("a_module_that_is_not_installed",)

    assert Ssim.missing_modules() == ()
    assert Ssim.extra == "images"
    assert Elsewhere.missing_modules() == ("a_module_that_is_not_installed",)
