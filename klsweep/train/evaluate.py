"""What a fleet measures on a held-out split: whole, unweighted, at sampled z, in nats per datum."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from klsweep.train.batches import noise_for, of_members
from klsweep.train.fleet import Fleet, Members, Output
from klsweep.train.streams import Purpose
from klsweep.vae.likelihoods.likelihood import LikelihoodPart, Own
from klsweep.vae.objectives import Memory
from klsweep.vae.products import float32_products

CHUNK = 512  # data at once; a constant, so that the order of summation is always the same


@dataclass(frozen=True)
class Measures:
    """Means over a split, one entry per member. Arrays are float64 [member] or [member, latent]."""

    loss: NDArray[np.float64]  # the objective at the weight given, scaled as the script writes it
    distortion_nats: NDArray[np.float64]
    rate_per_latent_nats: NDArray[np.float64]  # [member, latent]
    mean_variance_per_latent: NDArray[np.float64]  # [member, latent] over the split, of E_q[z], ddof 0
    recon_sse: NDArray[np.float64] | None  # None of tokens, which have no error, and where not asked for
    recon_bce: NDArray[np.float64] | None

    @property
    def rate_nats(self) -> NDArray[np.float64]:
        """KL(q(z|x) || p(z)), summed over latents. [member]."""
        total: NDArray[np.float64] = self.rate_per_latent_nats.sum(axis=1)
        return total


@torch.no_grad()
def evaluate(
    fleet: Fleet,
    members: Members,
    split: Tensor,
    *,
    purpose: Purpose,
    weight: Tensor,
    reconstruction: bool = True,
) -> Measures:
    """Measure every member on `split` [n, *input_shape]; `weight` [member] is the effective beta in the loss.

    Without `reconstruction` the errors of the mean are left out: a third of the time, of no use in a curve.
    """
    sums: dict[str, Tensor] = {}
    shift: Tensor | None = None
    with float32_products(fleet.device, multiplications=fleet.multiplications(CHUNK)):
        for x, noise in _chunks(fleet, split, purpose):
            seen = _measure(fleet, members, (x, noise), weight, reconstruction=reconstruction)
            mean = seen.pop("mean")
            shift = (
                mean.mean(1, keepdim=True) if shift is None else shift
            )  # near the mean, so squares stay small
            seen |= {"shifted": mean - shift, "shifted_squared": (mean - shift).square()}
            for name, value in seen.items():
                total = value.double().sum(1)
                sums[name] = sums[name] + total if name in sums else total
    means = {name: (value / len(split)).cpu().numpy() for name, value in sums.items()}
    return Measures(
        loss=means["loss"] * fleet.recon_scale.cpu().numpy(),
        distortion_nats=means["distortion"],
        rate_per_latent_nats=means["rate"],
        mean_variance_per_latent=means["shifted_squared"] - means["shifted"] ** 2,
        recon_sse=means.get("sse"),
        recon_bce=means.get("bce"),
    )


def _chunks(fleet: Fleet, split: Tensor, purpose: Purpose) -> Iterator[tuple[Tensor, Tensor]]:
    """(x, noise) [member, chunk, ...]; the noise is that of each member's seed, the same in every epoch."""
    noise = noise_for(fleet, len(split), purpose)
    for low in range(0, len(split), CHUNK):
        x = split[low : low + CHUNK]
        yield x.expand(len(fleet.jobs), *x.shape), of_members(fleet, noise[:, low : low + CHUNK])


def _measure(
    fleet: Fleet, members: Members, inputs: tuple[Tensor, Tensor], weight: Tensor, *, reconstruction: bool
) -> dict[str, Tensor]:
    """Everything of one chunk: [member, chunk], and [member, chunk, latent] for `mean` and `rate`."""
    likelihood, objective = fleet.lead.likelihood, fleet.lead.objective

    def of_one(x: Tensor, output: Output, own: Own, memory: Memory, weight: Tensor) -> dict[str, Tensor]:
        terms = fleet.terms(x, output, own)
        seen = {
            "loss": objective.loss(terms, weight, memory).expand(len(x)),
            "distortion": terms.distortion,
            "rate": terms.rate_per_latent,
            "mean": output.mean,
        }
        return seen | (_errors(likelihood, x, output.params, terms.distortion) if reconstruction else {})

    own = likelihood.own_of(members.own, members.likelihood)
    return fleet.of_every(of_one, *inputs, own, members.objective, weight)


def _errors(likelihood: LikelihoodPart, x: Tensor, params: Tensor, distortion: Tensor) -> dict[str, Tensor]:
    """Squared error and binary cross-entropy of the mean, as far as the likelihood has them; [chunk]."""
    errors: dict[str, Tensor | None] = {
        "sse": None if likelihood.tokens else (x - likelihood.mean(params)).square().flatten(1).sum(1),
        "bce": distortion if likelihood.is_cross_entropy else likelihood.cross_entropy(x, params),
    }
    return {name: error for name, error in errors.items() if error is not None}
