"""Objectives: (terms of a batch, weight) -> loss per datum, to be minimised.

The batch mean is taken once, in `train`, and so is the scale a of the reduction: an objective is written in
nats per datum, with `weight` the effective beta of the step.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from klsweep.part import ByKind, Part

if TYPE_CHECKING:
    from torch import Tensor


class Terms(NamedTuple):
    """What a model gives for one batch."""

    distortion: "Tensor"  # [batch] nats: -log p(x|z)
    rate_per_latent: "Tensor"  # [batch, latent] nats: KL(q(z_k|x) || p(z_k))


class Elbo(Part):
    """The negative evidence lower bound with a weighted rate: beta-VAE, and the VAE at weight 1."""

    kind: Literal["elbo"] = "elbo"
    source: ClassVar[str] = "Higgins et al. 2017, eq. 4; Kingma & Welling 2014, eq. 3"

    def loss(self, terms: Terms, weight: "Tensor") -> "Tensor":
        """-log p(x|z) + weight * KL. [batch] nats."""
        return terms.distortion + weight * terms.rate_per_latent.sum(1)


Objective = Annotated[Elbo, ByKind()]
