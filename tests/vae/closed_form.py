"""The best linear VAE for data of a known spectrum, from the eigenvalues alone; nothing here comes from klsweep.

With eigenvalues l_i of the data's covariance, theta = beta * sigma^2, a prior N(0, I) and a posterior of constant
diagonal variance (Lucas et al. 2019; Wang & Ziyin 2022, theorem 2): latent i takes up the i-th eigenvalue if
l_i > theta, and then codes it at rate ln(l_i / theta) / 2 with the squared error theta; every other eigenvalue
is lost whole. That is reverse water-filling (Cover & Thomas 2006, section 10.3.3).
"""

import math
from collections.abc import Sequence
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
