"""What a KL weight means: the three units, the four reductions, and the maps between them.

A training script writes `a * recon + w * c * KL` with the raw weight w; the reduction fixes a and c. Divided
by a, that is `recon + beta * KL` per datum in nats, so beta = w * c / a, and Higgins et al. (2017, fig. 6)
compare models by beta_norm = beta * M / N with N data dimensions and M latents.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reduction(StrEnum):
    """How a script reduces (reconstruction, KL) over the dimensions of one datum."""

    SUM = "sum"  # sum over pixels, sum over latents
    MEAN = "mean"  # mean over pixels, mean over latents
    MEAN_RECON = "mean_recon"  # mean over pixels, sum over latents
    MEAN_KL = "mean_kl"  # sum over pixels, mean over latents


class Unit(StrEnum):
    """The unit in which a job gives its weight."""

    BETA_NORM = "beta_norm"
    BETA = "beta"
    WEIGHT = "weight"


@dataclass(frozen=True)
class Scales:
    """The factors of a script's loss `a * recon + w * c * KL`, without unit."""

    recon: float  # a
    kl: float  # c


@dataclass(frozen=True)
class Weighting:
    """One weight in every unit: as typed into a script, as beta, and as beta_norm."""

    weight: float
    beta: float
    beta_norm: float
    scales: Scales


def scales(reduction: Reduction, *, input_dim: int, latent_dim: int) -> Scales:
    """The factors (a, c) of a reduction for N = `input_dim` and M = `latent_dim`."""
    over_pixels = reduction in (Reduction.MEAN, Reduction.MEAN_RECON)
    over_latents = reduction in (Reduction.MEAN, Reduction.MEAN_KL)
    return Scales(recon=1 / input_dim if over_pixels else 1.0, kl=1 / latent_dim if over_latents else 1.0)


def weighting(
    value: float, unit: Unit, *, reduction: Reduction, input_dim: int, latent_dim: int
) -> Weighting:
    """`value`, given in `unit`, in all three units under `reduction`; the given one is returned untouched."""
    factors = scales(reduction, input_dim=input_dim, latent_dim=latent_dim)
    to_beta = {
        Unit.BETA: 1.0,
        Unit.BETA_NORM: input_dim / latent_dim,
        Unit.WEIGHT: factors.kl / factors.recon,
    }
    beta = value * to_beta[unit]
    every = {other: value if other is unit else beta / factor for other, factor in to_beta.items()}
    return Weighting(every[Unit.WEIGHT], every[Unit.BETA], every[Unit.BETA_NORM], factors)
