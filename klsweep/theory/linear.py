"""The best linear VAE for data of a known spectrum: what it codes, what it loses, and when it gives up.

With eigenvalues l_i of the data's covariance, a decoder N(W z + b, sigma^2 I), a prior N(0, I) and a posterior of
constant diagonal variance, the minimum of distortion + beta * rate depends on theta = beta * sigma^2 alone (Lucas et
al. 2019, section 4; Wang & Ziyin 2022, theorem 2):

    latent i is used if, and only if, l_i > theta;    W_i = sqrt(l_i - theta) u_i,
    mean_i = sqrt(l_i - theta) / l_i  u_i . (x - mean),    variance_i = theta / l_i.

Its rate is the sum of ln(l_i / theta) / 2 over those, its squared error theta for each of them and l_i for every other:
reverse water-filling (Cover & Thomas 2006, section 10.3.3). On Gaussian data the codes are then independent, N(0, I)
together, so that the rate is the mutual information of data and code, and their total correlation is 0.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from klsweep.result import ACTIVE_VARIANCE
from klsweep.theory.spectrum import Floats, Spectrum

COLLAPSED_NATS, COLLAPSED_SHARE = 0.01, 0.01  # the epsilon and delta of Lucas et al. 2019, section 4


@dataclass(frozen=True)
class Seen:
    """What the best model measures on one split, a number each, or an array [theta]."""

    rate_nats: Floats
    recon_sse: Floats  # at sampled z
    active_units: Floats


@dataclass(frozen=True)
class Optimum:
    """The best model at `theta`: how many latents have l_i > theta, and what it measures on either split."""

    theta: Floats
    used: Floats
    train: Seen
    held: Seen


def optimum(spectrum: Spectrum, theta: ArrayLike, *, latent_dim: int) -> Optimum:
    """The best linear VAE of `latent_dim` latents at the water level `theta`, a number or an array [theta].

    Held-out data have other moments t_i along the same axes. There the rate is the sum of
    ((1 - r_i) t_i / l_i + r_i - 1 - ln r_i) / 2 with r_i = theta / l_i, and the squared error
    theta (1 + r_i (t_i / l_i - 1)) for a used latent and t_i for every other axis.
    """
    levels = np.asarray(theta, dtype=np.float64)[..., None]
    values = _within(spectrum, latent_dim, float(levels.min()))
    moments, means = spectrum.held_moments[: len(values)], spectrum.held_means[: len(values)]
    used = values > levels
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # theta = 0, and eigenvalues that are 0, which nobody uses
        ratio, growth = levels / values, moments / values
        nats = -np.log(ratio) / 2
        held_nats = ((1 - ratio) * growth + ratio - 1) / 2 + nats
        variance = (1 - ratio) * (moments - np.square(means)) / values
    rest = spectrum.tail(len(values))
    held_rest = max(spectrum.held_total - float(moments.sum()), 0.0)
    return Optimum(
        theta=levels[..., 0],
        used=used.sum(-1),
        train=Seen(
            np.where(used, nats, 0).sum(-1),
            np.where(used, levels, values).sum(-1) + rest,
            (used & (1 - ratio > ACTIVE_VARIANCE)).sum(-1),
        ),
        held=Seen(
            np.where(used, held_nats, 0).sum(-1),
            np.where(used, levels * (1 + ratio * (growth - 1)), moments).sum(-1) + held_rest,
            (used & (variance > ACTIVE_VARIANCE)).sum(-1),
        ),
    )


def distortion_nats(recon_sse: ArrayLike, *, input_dim: int, sigma2: ArrayLike) -> Floats:
    """-log p(x|z) of N(decoder, sigma2 I) with this squared error, its constant included; numbers or arrays."""
    error, variance = np.asarray(recon_sse, np.float64), np.asarray(sigma2, np.float64)
    return np.asarray(error / (2 * variance) + input_dim * np.log(2 * math.pi * variance) / 2)


def nll_nats(spectrum: Spectrum, theta: float, *, sigma2: float, latent_dim: int) -> float:
    """-log p(x) of the best model, exactly, over the training data: x is N(mean, W W^T + sigma2 I) under it.

    At beta = 1 that is distortion + rate, the bound being tight (Lucas et al. 2019, section 4.3).
    """
    values = _within(spectrum, latent_dim, theta)
    values = values[values > theta]
    model = values - theta + sigma2
    rest = spectrum.input_dim - len(values)
    coded = np.log(2 * math.pi * model).sum() + (values / model).sum()
    return float(coded + rest * math.log(2 * math.pi * sigma2) + spectrum.tail(len(values)) / sigma2) / 2


def learned_sigma2(spectrum: Spectrum, *, beta: float, latent_dim: int) -> float | None:
    """The variance that training fits, the one solution of sigma^2 = SSE(beta * sigma^2) / N; None where it goes to 0.

    With k latents used that is (sum of the other eigenvalues) / (N - beta k), at beta = 1 the mean of the discarded
    eigenvalues (Tipping & Bishop 1999, eq. 8). SSE is concave in theta, so there is at most one, or a range of equally
    good ones, of which this is the largest. Where nothing is left over and beta * k < N, the loss falls without bound
    as sigma^2 goes to 0 (Dai & Wipf 2019).
    """
    values = _within(spectrum, latent_dim, 0.0)
    for used in range(len(values) + 1):
        if beta * used >= spectrum.input_dim:
            return None
        sigma2 = spectrum.tail(used) / (spectrum.input_dim - beta * used)
        if used == len(values) or values[used] <= beta * sigma2:
            return sigma2 or None
    raise AssertionError("the last turn returns")


def theta_of_rate(spectrum: Spectrum, rate_nats: float, *, latent_dim: int) -> float:
    """The water level at which the best model has this rate: where a controlled rate settles. The rate is positive."""
    values = _within(spectrum, latent_dim, 0.0)
    values = values[values > 0]
    for used in range(1, len(values) + 1):
        theta = math.exp((np.log(values[:used]).sum() - 2 * rate_nats) / used)
        if used == len(values) or theta >= values[used]:
            return float(theta)
    return 0.0


def theta_of_sse(spectrum: Spectrum, recon_sse: float, *, latent_dim: int) -> float | None:
    """The water level at which the best model has this squared error; None where it can have none so small."""
    values = _within(spectrum, latent_dim, 0.0)
    if recon_sse >= spectrum.total:
        return spectrum.largest
    for used in range(len(values), 0, -1):
        theta = (recon_sse - spectrum.tail(used)) / used
        if 0 < theta < values[used - 1]:
            return theta
    return None


def collapsed_units(spectrum: Spectrum, theta: float, *, latent_dim: int) -> int:
    """Latents whose rate is below epsilon for a share of 1 - delta of Gaussian data (Lucas et al. 2019, section 4).

    Of a datum g standard deviations from the mean, it is ((1 - r) g^2 + r - 1 - ln r) / 2, and g^2 is chi-squared.
    """
    values = _within(spectrum, latent_dim, theta)
    ratio = theta / values[values > theta]
    with np.errstate(divide="ignore"):  # theta = 0
        largest = (2 * COLLAPSED_NATS + 1 - ratio + np.log(ratio)) / (1 - ratio)
    within = special.chdtr(1, np.maximum(largest, 0))
    return latent_dim - len(ratio) + int((within >= 1 - COLLAPSED_SHARE).sum())


def _within(spectrum: Spectrum, latent_dim: int, theta: float) -> Floats:
    """The eigenvalues that latents could take up, [min(latent, axis)]; all that lie above `theta` must be known."""
    known = len(spectrum.values)
    enough = spectrum.complete or latent_dim <= known or theta >= spectrum.values[-1]
    assert enough, f"{latent_dim} latents at theta {theta:g} need more than the {known} axes that are known"
    return spectrum.values[:latent_dim]
