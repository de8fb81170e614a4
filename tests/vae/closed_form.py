"""The best linear VAE for data of a known spectrum, from the eigenvalues alone; nothing here comes from klsweep.

With eigenvalues l_i of the data's covariance, theta = beta * sigma^2, a prior N(0, I) and a posterior of constant
diagonal variance (Lucas et al. 2019; Wang & Ziyin 2022, theorem 2): latent i takes up the i-th eigenvalue if
l_i > theta, and then codes it at rate ln(l_i / theta) / 2 with the squared error theta; every other eigenvalue
is lost whole. That is reverse water-filling (Cover & Thomas 2006, section 10.3.3).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Optimum:
    rate_nats: float
    recon_sse: float  # at sampled z
    active_units: int  # latents whose posterior mean varies by more than 0.01, as Burda et al. (2016) count

    def distortion_nats(self, input_dim: int, variance: float) -> float:
        return 0.5 * input_dim * math.log(2 * math.pi * variance) + self.recon_sse / (2 * variance)


def optimum(spectrum: Sequence[float], *, theta: float, latent_dim: int) -> Optimum:
    ordered = sorted(spectrum, reverse=True)
    used = [eigenvalue for eigenvalue in ordered[:latent_dim] if eigenvalue > theta]
    return Optimum(
        rate_nats=sum(0.5 * math.log(eigenvalue / theta) for eigenvalue in used),
        recon_sse=len(used) * theta + sum(ordered[len(used) :]),
        active_units=sum(1 - theta / eigenvalue > 0.01 for eigenvalue in used),
    )


def fitted_variance(spectrum: Sequence[float], *, beta: float, latent_dim: int) -> float:
    """The best sigma^2 for a weight beta: SSE / N at theta = beta * sigma^2, so sum_inactive l_i / (N - beta k).

    At beta = 1 it is the mean of the discarded eigenvalues (Tipping & Bishop 1999, eq. 8).
    """
    ordered = sorted(spectrum, reverse=True)
    for used in range(latent_dim, -1, -1):
        if beta * used < len(ordered):
            variance = sum(ordered[used:]) / (len(ordered) - beta * used)
            theta = beta * variance
            if (not used or ordered[used - 1] > theta) and (used == latent_dim or ordered[used] <= theta):
                return variance
    raise AssertionError("the variance has no minimum above 0")


def theta_of_rate(spectrum: Sequence[float], *, rate_nats: float, latent_dim: int) -> float:
    """The theta whose optimum has this rate; the rate falls as theta grows."""
    return _bisected(lambda theta: optimum(spectrum, theta=theta, latent_dim=latent_dim).rate_nats, rate_nats)


def theta_of_sse(spectrum: Sequence[float], *, sse: float, latent_dim: int) -> float:
    """The theta whose optimum has this squared error, which grows with theta."""
    return _bisected(lambda theta: -optimum(spectrum, theta=theta, latent_dim=latent_dim).recon_sse, -sse)


def _bisected(falling: Callable[[float], float], value: float) -> float:
    low, high = 1e-9, 1e9
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if falling(middle) > value else (low, middle)
    return low
