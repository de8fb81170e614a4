"""Reconstruction at the posterior mean beside that at sampled z, and in the units of other studies."""

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from klsweep.metrics.evidence import CHUNK, Encoded, Evidence, Generative, Values
from klsweep.metrics.metric import MetricPart
from klsweep.metrics.pictures import are_pictures, psnr_db

if TYPE_CHECKING:
    from torch import Tensor


class Reconstruction(MetricPart):
    """Distortion and squared error at the posterior mean, bits per dimension, and PSNR of pictures.

    What is measured at the mean enters no ELBO: the bound holds for codes drawn from the posterior. Mostly the mean
    reconstructs better than a draw; after a collapse it can do worse, being a code that training hardly ever saw.
    """

    source: ClassVar[str] = (
        "nats / (N ln 2) are bits per dimension; PSNR is 10 log10(1 / MSE) at data range 1, of each picture, then "
        "averaged over pictures"
    )
    bias: ClassVar[str] = (
        "the columns at the mean are no part of a bound; the mean of the pictures' PSNR is never below the PSNR of "
        "the mean squared error; a squared error below float32 rounding counts as 144.5 dB"
    )
    cost: ClassVar[str] = "the whole held-out split is decoded four times"

    kind: Literal["reconstruction"] = "reconstruction"

    def measure(self, evidence: Evidence) -> Values:
        """Columns ending in `_at_mean` are at E[z|x], the others at sampled z. Over the whole held-out split.

        `distortion_per_dim_nats` is D/N, and `bits_per_dim` is (D + R) / (N ln 2), of a mass function only:
        it counts bits, so less is better.
        """
        held_out = evidence.held_out
        sampled = _measured(evidence.model, held_out, evidence.z)
        at_mean = _measured(evidence.model, held_out, held_out.mean)
        n = evidence.input_dim
        distortion, rate = sampled["distortion_nats"], float(held_out.rate_per_latent.sum(1).mean())
        bits = (distortion + rate) / (n * math.log(2)) if evidence.discrete else None
        pictures = are_pictures(held_out.x)
        return {
            "distortion_at_mean_nats": at_mean["distortion_nats"],
            "distortion_per_dim_nats": distortion / n,
            "bits_per_dim": bits,
            "recon_mse_at_mean": None if evidence.tokens else at_mean["mse"],
            "psnr_db": sampled["psnr_db"] if pictures else None,
            "psnr_at_mean_db": at_mean["psnr_db"] if pictures else None,
        }


def _measured(model: Generative, data: Encoded, z: "Tensor") -> dict[str, float]:
    """Means over the whole split of what reconstructing `data` from codes z [n, latent] costs."""
    import torch

    sums = dict.fromkeys(("distortion_nats", "mse", "psnr_db"), 0.0)
    for x, codes in zip(torch.split(data.x, CHUNK), torch.split(z, CHUNK), strict=True):
        error = (x.double() - model.expected(codes)).square().flatten(1).mean(1)
        sums["distortion_nats"] -= float(model.log_prob(x, codes).double().sum())
        sums["mse"] += float(error.sum())
        sums["psnr_db"] += float(psnr_db(error).sum())
    return {name: total / len(data) for name, total in sums.items()}
