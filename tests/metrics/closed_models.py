"""Evidence made of posteriors given outright, and a decoder whose every density is known in closed form."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from klsweep.metrics.evidence import Encoded, Evidence, Generative


@dataclass(frozen=True)
class LinearGaussian:
    """p(x|z) = N(x; loading z, variance I), in float64: ln p(x) is that of N(0, loading loading^T + variance I)."""

    loading: Tensor  # [input, latent]
    variance: float

    def expected(self, z: Tensor) -> Tensor:
        return z.double() @ self.loading.T

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        apart = (x.double() - self.expected(z)).square().sum(1)
        return -0.5 * (apart / self.variance + x.shape[1] * np.log(2 * np.pi * self.variance))

    @property
    def covariance(self) -> np.ndarray:
        """Of x, [input, input]."""
        loading = self.loading.numpy()
        return loading @ loading.T + self.variance * np.eye(len(loading))


NO_MODEL = LinearGaussian(torch.zeros(1, 1, dtype=torch.float64), 1.0)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def evidence_of(
    mean: Tensor,
    variance: Tensor | float,
    *,
    x: Tensor | None = None,
    model: Generative = NO_MODEL,
    seed: int = 0,
) -> Evidence:
    """Held-out posteriors N(mean, variance) [n, latent], of data x [n, input]; there is no training split."""

    def generator(purpose: str) -> torch.Generator:
        digest = hashlib.sha256(f"{seed} {purpose}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def training() -> Encoded:
        raise AssertionError("nothing is fitted here")

    logvar = torch.as_tensor(variance, dtype=mean.dtype).log().expand_as(mean)
    encoded = Encoded(torch.zeros(len(mean), 1) if x is None else x, mean, logvar)
    z = mean + (0.5 * logvar).exp() * normal(*mean.shape, seed=seed + 1).to(mean.dtype)
    return Evidence(encoded, z, model, training, generator, discrete=False)
