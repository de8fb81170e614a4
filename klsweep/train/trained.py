"""One trained model, put together again from its weights, and what metrics want to know of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from klsweep.data import Data
from klsweep.metrics import Encoded, Evidence
from klsweep.metrics.evidence import CHUNK
from klsweep.spec.job import Job
from klsweep.train import streams
from klsweep.train.fleet import OWN
from klsweep.train.outcome import REMEMBERED
from klsweep.vae import posterior
from klsweep.vae.likelihoods.likelihood import Own
from klsweep.vae.networks import Vae


@dataclass(frozen=True)
class TrainedModel:
    """The network of one job with its final weights; a `metrics.Generative`."""

    job: Job
    network: Vae
    own: Own  # what belongs to the likelihood

    @classmethod
    def restored(
        cls, job: Job, weights: Mapping[str, NDArray[Any]], input_shape: tuple[int, ...], device: torch.device
    ) -> "TrainedModel":
        """The model of `job` from its weights, as `Result.weights` holds them."""
        likelihood = job.likelihood
        tensors = {name: torch.from_numpy(np.array(value)).to(device) for name, value in weights.items()}
        trained, remembered = _taken(tensors, OWN), _taken(tensors, REMEMBERED)
        network = streams.network(
            job.model, job.seed, (input_shape, job.latent_dim, likelihood.params_per_value)
        )
        network.to(device).load_state_dict(tensors)
        return cls(job, network, likelihood.own_of(trained, remembered))

    @torch.no_grad()
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and logvar [n, latent] of x [n, *input_shape]."""
        parts = [self.network.encode(x[low : low + CHUNK]) for low in range(0, len(x), CHUNK)]
        return torch.cat([mean for mean, _ in parts]), torch.cat([logvar for _, logvar in parts])

    @torch.no_grad()
    def expected(self, z: Tensor) -> Tensor:
        """See `metrics.Generative`."""
        return self.job.likelihood.mean(self.network.decode(z))

    @torch.no_grad()
    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        """See `metrics.Generative`."""
        return self.job.likelihood.log_prob(x, self.network.decode_given(z, x), self.own)


def evidence(model: TrainedModel, data: Data, device: torch.device) -> Evidence:
    """What `model` makes of the test split of `data`; the training split when a metric asks for it."""
    job = model.job

    @cache
    def training() -> Encoded:
        return _encoded(model, data, "train", device)

    held_out = _encoded(model, data, "test", device)
    noise = torch.randn(held_out.mean.shape, generator=streams.generator(job.seed, "test noise")).to(device)
    return Evidence(
        held_out=held_out,
        z=posterior.sample(held_out.mean, held_out.logvar, noise),
        model=model,
        training=training,
        generator=lambda purpose: streams.generator(job.seed, "metric", purpose),
        discrete=job.likelihood.is_mass(held_out.x),
        tokens=bool(job.likelihood.tokens),
    )


def _encoded(model: TrainedModel, data: Data, split: str, device: torch.device) -> Encoded:
    x = torch.from_numpy(getattr(data.splits, split)).to(device)
    mean, logvar = model.encode(x)
    labels, factors = data.labels or {}, getattr(data, "factors", None) or {}
    return Encoded(x, mean, logvar, labels.get(split), factors.get(split))


def _taken(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, taken out, by the rest of their names."""
    names = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors.pop(name) for name in names}
