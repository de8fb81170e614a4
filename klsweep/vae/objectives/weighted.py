"""Objectives that weight the rate: as it is, above a floor, or towards a moving capacity."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from klsweep.vae.objectives.objective import Memory, ObjectivePart, OpenLoop, Seen, Terms

if TYPE_CHECKING:
    from torch import Tensor


class Elbo(OpenLoop):
    """The negative evidence lower bound with a weighted rate: beta-VAE, and the VAE at weight 1."""

    kind: Literal["elbo"] = "elbo"
    source: ClassVar[str] = "Higgins et al. 2017, eq. 4; Kingma & Welling 2014, eq. 3"

    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":  # noqa: ARG002
        """-log p(x|z) + weight * KL. [] nats."""
        return (terms.distortion + weight * terms.rate).mean()


class FreeBits(OpenLoop):
    """A rate below the floor costs as much as the floor: each latent's batch mean, or each datum's total."""

    kind: Literal["free_bits"] = "free_bits"
    source: ClassVar[str] = (
        "Kingma et al. 2016 (per latent); Li et al. 2019, official code, fb = 1 (per datum)"
    )

    floor: float = Field(
        default=0.25, gt=0, description="nats: of each latent, or of the whole code per datum"
    )
    per: Literal["latent", "datum"] = Field(
        default="latent",
        description="latent: the maximum is taken after the batch mean; datum: of each total",
    )

    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":  # noqa: ARG002
        """-log p(x|z) + weight * sum_k max(floor, mean KL_k), or + weight * mean max(floor, KL). [] nats."""
        if self.per == "latent":
            rate = terms.rate_per_latent.mean(0).clamp(min=self.floor).sum()
        else:
            rate = terms.rate.clamp(min=self.floor).mean()
        return terms.distortion.mean() + weight * rate


class Capacity(ObjectivePart):
    """Hold the rate at a capacity C that grows from 0: the weight is gamma in gamma * |KL - C|."""

    kind: Literal["capacity"] = "capacity"
    source: ClassVar[str] = "Burgess et al. 2018, eq. 8; the batch mean is inside the bars"
    weighs_rate: ClassVar[bool] = False
    weight_means: ClassVar[str] = "gamma, the pull of |rate - C|"

    nats: float = Field(default=25.0, gt=0, description="C at the end")
    warmup: float = Field(
        default=0.5, gt=0, le=1, description="share of the training over which C grows to it"
    )

    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":
        """-log p(x|z) + weight * |mean KL - C|. [] nats."""
        rate = terms.rate.mean()
        return terms.distortion.mean() + weight * (rate - memory["capacity"]).abs()

    def start(self) -> dict[str, float]:
        """C = 0."""
        return {"capacity": 0.0}

    def next(self, memory: Memory, seen: Seen, weight: "Tensor") -> Memory:  # noqa: ARG002
        """C in a straight line up to `nats`."""
        share = memory["capacity"] * 0 + seen.progress / self.warmup
        return {"capacity": self.nats * share.clamp(max=1)}

    def report(self, memory: Memory, weight: "Tensor") -> Memory:  # noqa: ARG002
        """The capacity at the end."""
        return {"capacity_nats": memory["capacity"]}
