"""Objectives that add a term on the aggregated posterior, estimated from the batch: for training, never reported."""

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from klsweep.vae.objectives.objective import Memory, OpenLoop, Terms

if TYPE_CHECKING:
    from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


class BetaTc(OpenLoop):
    """Weight the total correlation alone: KL + (weight - 1) * TC, with TC estimated from the batch."""

    kind: Literal["beta_tc"] = "beta_tc"
    source: ClassVar[str] = (
        "Chen et al. 2018, beta-TCVAE with alpha = gamma = 1, minibatch-weighted; its constants have no gradient"
    )
    weighs_rate: ClassVar[bool] = False
    weight_means: ClassVar[str] = "the beta that multiplies the total correlation"

    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":  # noqa: ARG002
        """-log p(x|z) + KL + (weight - 1) * TC. [] nats."""
        elbo_terms = (terms.distortion + terms.rate).mean()
        return elbo_terms + (weight - 1) * total_correlation(terms)


class InfoMmd(OpenLoop):
    """The elbo plus a maximum mean discrepancy between codes and prior, whose weight is never negative."""

    kind: Literal["info_mmd"] = "info_mmd"
    source: ClassVar[str] = "Zhao et al. 2019, with alpha + lambda - 1 = mmd"

    mmd: float = Field(default=100.0, ge=0, description="weight of the discrepancy")

    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":  # noqa: ARG002
        """-log p(x|z) + weight * KL + mmd * MMD^2(q(z), N(0, I)). [] nats."""
        weighted = (terms.distortion + weight * terms.rate).mean()
        return weighted + self.mmd * discrepancy(terms.z)


class Dip(OpenLoop):
    """The elbo plus a pull of the codes' covariance towards the identity."""

    kind: Literal["dip"] = "dip"
    source: ClassVar[str] = "Kumar et al. 2018, eqs. 6 (I, covariance of the means) and 7 (II, of the codes)"

    version: Literal["I", "II"] = Field(
        default="II", description="I: of the posterior means; II: of the sampled code"
    )
    off_diagonal: float = Field(default=10.0, ge=0, description="weight of the squared covariances")
    diagonal: float = Field(default=10.0, ge=0, description="weight of the squared (variance - 1)")

    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":  # noqa: ARG002
        """-log p(x|z) + weight * KL + off_diagonal * sum_{i!=j} C_ij^2 + diagonal * sum_i (C_ii - 1)^2. [] nats."""
        weighted = (terms.distortion + weight * terms.rate).mean()
        return weighted + self.penalty(terms)

    def penalty(self, terms: Terms) -> "Tensor":
        """The term on the covariance C of the batch (ddof 0; for II the mean posterior variance is added). []."""
        centred = terms.mean - terms.mean.mean(0)
        covariance = centred.mT @ centred / len(centred)
        variance = covariance.diagonal()
        off = covariance.square().sum() - variance.square().sum()
        if self.version == "II":
            variance = variance + terms.logvar.exp().mean(0)
        return self.off_diagonal * off + self.diagonal * (variance - 1).square().sum()


def total_correlation(terms: Terms) -> "Tensor":
    """KL(q(z) || prod_k q(z_k)) with q(z) the mean of the batch's posteriors. [] nats.

    The datum's own posterior is among them, so for small batches in many dimensions it is biased; as a gradient it
    is that of the minibatch-weighted estimate of Chen et al. 2018, whose log(N B) is constant.
    """
    apart = terms.z.unsqueeze(1) - terms.mean.unsqueeze(0)  # [batch, posterior, latent]
    log_q = -0.5 * (apart.square() * (-terms.logvar).exp() + terms.logvar + LOG_2PI)
    size = math.log(len(terms.z))
    joint = log_q.sum(2).logsumexp(1) - size
    marginals = (log_q.logsumexp(1) - size).sum(1)
    return (joint - marginals).mean()


def discrepancy(z: "Tensor") -> "Tensor":
    """Squared MMD of z [batch, latent] and N(0, I), kernel exp(-|a-b|^2 / (2 h)) with h = latent. [].

    Unbiased: pairs of different codes, and the kernel's means under the prior in closed form,
    E k(z, e) = (h/(h+1))^{M/2} exp(-|z|^2 / (2 (h+1))) and E k(e, e') = (h/(h+2))^{M/2}. A single code has no pair,
    as in a last batch of one datum, and gives 0.
    """
    batch, latents = z.shape
    if batch == 1:
        return z.new_zeros(())
    h = float(latents)
    squares = z.square().sum(1)
    apart = (squares.unsqueeze(0) + squares.unsqueeze(1) - 2 * z @ z.mT).clamp(min=0)
    among = ((-apart / (2 * h)).exp().sum() - batch) / (batch * (batch - 1))
    across = (h / (h + 1)) ** (latents / 2) * (-squares / (2 * (h + 1))).exp().mean()
    squared: Tensor = among - 2 * across + (h / (h + 2)) ** (latents / 2)
    return squared
