"""Pictures of one trained model on image data, kept with its result so that a report needs no model.

All are uint8 [..., channels, height, width] of E[x|z], values cut to [0, 1].
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from klsweep.data import Data
from klsweep.result import Pictures
from klsweep.train import streams
from klsweep.train.trained import TrainedModel
from klsweep.vae import posterior

SHOWN = 8  # held-out images, and their reconstructions
SAMPLES = 16  # from the prior
TRAVERSED = 6  # latents, those with the largest rate
STEPS = 7  # along each of them
REACH = 3.0  # standard deviations of the prior to each side
GRID = 12  # codes along each side of a manifold
CHANNELS = (1, 3)


def pictures(model: TrainedModel, data: Data, device: torch.device) -> dict[str, NDArray[Any]]:
    """Arrays by the names of `result.Pictures`; none where the data are no images.

    `originals` and `reconstructions` [8]: the first of the test split, and E[x|z] at the mean of their posteriors.
    `samples` [16]: at z from the prior, the same z for all jobs of one seed and latent size.
    `traversals` [latent, 7]: from the first image's posterior mean, one latent at a time from -3 to 3, most used first.
    `manifold` [12, 12], for two latents: at the prior's quantiles (Kingma & Welling 2014, figure 4).
    """
    shape = data.test.shape[1:]
    if len(shape) != 3 or shape[0] not in CHANNELS:
        return {}
    x = torch.from_numpy(data.test[:SHOWN]).to(device)
    mean, logvar = model.encode(x)
    latent = mean.shape[1]
    noise = torch.randn(SAMPLES, latent, generator=streams.generator(model.job.seed, "picture")).to(device)
    used = posterior.rate_per_latent(mean, logvar).mean(0).argsort(descending=True, stable=True)[:TRAVERSED]
    found = {
        Pictures.ORIGINALS: x,
        Pictures.RECONSTRUCTIONS: model.expected(mean),
        Pictures.SAMPLES: model.expected(noise),
        Pictures.TRAVERSALS: model.expected(_along(mean[0], used)).reshape(len(used), STEPS, *shape),
    }
    if latent == 2:
        found[Pictures.MANIFOLD] = model.expected(_plane().to(device)).reshape(GRID, GRID, *shape)
    drawn: dict[str, NDArray[Any]] = {str(name): _bytes(image) for name, image in found.items()}
    return {**drawn, str(Pictures.TRAVERSED): used.cpu().numpy().astype(np.uint16)}


def _along(start: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """Codes [latents * STEPS, latent] that differ from `start` in one latent at a time."""
    codes = start.repeat(len(latents), STEPS, 1)
    places = torch.linspace(-REACH, REACH, STEPS, device=start.device)
    for row, latent in enumerate(latents.tolist()):
        codes[row, :, latent] = places
    return codes.flatten(0, 1)


def _plane() -> torch.Tensor:
    """Codes [GRID * GRID, 2] at equal steps of the prior's distribution function."""
    places = torch.special.ndtri((torch.arange(GRID, dtype=torch.float64) + 0.5) / GRID).float()
    return torch.cartesian_prod(places, places)


def _bytes(image: torch.Tensor) -> NDArray[np.uint8]:
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
