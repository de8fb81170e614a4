"""Evidence made by hand: models whose every value is known, and encodings of any data."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from klsweep.metrics.evidence import Encoded, Evidence, Generative


@dataclass(frozen=True)
class Decoder:
    """p(x|z) = N(decode(z), sd^2 I) with any decode from [n, latent] to [n, *input_shape]; remembers nothing."""

    decode: Callable[[Tensor], Tensor]
    sd: float = 1.0

    def expected(self, z: Tensor) -> Tensor:
        return self.decode(z)

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        error = ((x - self.decode(z)) / self.sd).square() + math.log(2 * math.pi * self.sd**2)
        return -0.5 * error.flatten(1).sum(1)


def generator(purpose: str, seed: int = 0) -> torch.Generator:
    """A stream of its own for each purpose and seed."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4]))


def normal(*shape: int, purpose: str = "test data", seed: int = 0) -> Tensor:
    """Draws from N(0, 1), float32."""
    return torch.randn(*shape, generator=generator(purpose, seed))


def encoded(
    mean: Tensor, *, logvar: Tensor | None = None, x: Tensor | None = None, labels: Any = None
) -> Encoded:
    """Posteriors as given; by default nearly points, and the codes themselves as the data."""
    return Encoded(
        x=mean if x is None else x,
        mean=mean,
        logvar=torch.full_like(mean, -20.0) if logvar is None else logvar,
        labels=None if labels is None else np.asarray(labels),
    )


def evidence(
    held_out: Encoded,
    *,
    model: Generative | None = None,
    training: Encoded | None = None,
    discrete: bool = False,
    seed: int = 0,
) -> Evidence:
    """Evidence of a model, the identity by default; z is drawn from each held-out posterior."""
    noise = normal(*held_out.mean.shape, purpose="posterior noise", seed=seed)

    def trained() -> Encoded:
        assert training is not None, "this test has no training split"
        return training

    return Evidence(
        held_out=held_out,
        z=held_out.mean + (0.5 * held_out.logvar).exp() * noise,
        model=Decoder(lambda z: z) if model is None else model,
        training=trained,
        generator=lambda purpose: generator(purpose, seed),
        discrete=discrete,
    )
