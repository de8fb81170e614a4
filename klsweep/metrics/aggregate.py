"""The aggregated posterior q(z) = 1/n sum_i q(z|x_i): the mixture of n Gaussians N(mean, diag exp(logvar)).

Everything is float64. Distances are taken as (z - mean) / sigma and not multiplied out, so that narrow posteriors far
from 0 keep their digits.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LOG_2PI = math.log(2 * math.pi)
NOTHING = -700.0
"""Logarithm of what counts for nothing beside 1 in float64: 1e-304. Where exp underflows it takes ten times as long."""

LN_2 = math.log(2)

PAIRS = 2**16  # densities at once, half a MiB: what a core keeps near; larger blocks take longer


def log_density(
    z: "Tensor", mean: "Tensor", logvar: "Tensor", *, without: "Tensor | None" = None
) -> "Tensor":
    """ln q(z) at z [m, latent], of components with mean and logvar [n, latent]; [m] nats.

    `without` [m] names the component that each z does not see: it is ln of the mean over the other n - 1, and -inf
    where there are none. One weight 1/n belongs to the joint density, not to each latent.
    """
    return _log_densities(z, mean, logvar, without=without, by_latent=False)[0]


def log_densities(
    z: "Tensor", mean: "Tensor", logvar: "Tensor", *, without: "Tensor | None" = None
) -> tuple["Tensor", "Tensor"]:
    """`log_density`, and ln prod_k q(z_k) at z [m, latent] drawn from these components; [m] nats each.

    A marginal's sum needs no shift: the share of the component that z was drawn from is neither too large nor too
    small for float64. No marginal is `without` a component.
    """
    return _log_densities(z, mean, logvar, without=without, by_latent=True)


def _log_densities(
    z: "Tensor", mean: "Tensor", logvar: "Tensor", *, without: "Tensor | None", by_latent: bool
) -> tuple["Tensor", "Tensor"]:
    """Both from the same distances; the second means nothing unless `by_latent`."""
    import torch

    n, latents = mean.shape
    at, scale = _by_latent(mean, logvar)
    constant = -0.5 * (logvar + LOG_2PI).sum(1)
    joint, marginals = [], z.new_zeros(len(z))
    for block in _blocks(len(z), n):
        points = z[block]
        each = constant.repeat(len(points), 1)  # [point, n], ln q(point | x_j)
        for k in range(latents):
            square = (points[:, k, None] - at[k]).mul_(scale[k]).square_()
            each.sub_(square)
            if by_latent:
                # e^-square as a power of 2, which takes a third of the time of exp
                powers = square.mul_(-1 / LN_2).clamp_(min=NOTHING / LN_2).exp2_()
                marginals[block] += (powers @ scale[k]).log()
        if without is not None:
            each.scatter_(1, without[block, None], -math.inf)
        each.clamp_(min=each.amax(1, keepdim=True) + NOTHING)
        joint.append(each.logsumexp(1))
    seen = n if without is None else max(1, n - 1)
    return torch.cat(joint) - math.log(seen), marginals - latents * (math.log(n) + 0.5 * math.log(math.pi))


def _by_latent(mean: "Tensor", logvar: "Tensor") -> tuple["Tensor", "Tensor"]:
    """Means and scales [latent, n]: N(z; mean, sigma^2) = scale e^(-t^2) / sqrt(pi) with t = scale (z - mean)."""
    return mean.T.contiguous(), ((-0.5 * logvar).exp() * math.sqrt(0.5)).T.contiguous()


def _blocks(points: int, n: int) -> Iterator[slice]:
    step = max(1, PAIRS // n)
    return (slice(low, low + step) for low in range(0, points, step))
