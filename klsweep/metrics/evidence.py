"""What a metric is given: one trained model's view of held-out data, and the means to ask it more."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

Values = dict[str, float | None]
"""What a metric gives: columns of runs.csv by name."""

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CHUNK = 512  # data at once where a metric decodes; a constant, so that sums are always in one order


def known(value: float) -> float | None:
    """The value, or None where it is infinite or no number: what a metric gives for what it could not find."""
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Encoded:
    """A split and the posterior q(z|x) = N(mean, diag exp(logvar)) of each of its data.

    `x` [n, *input_shape], `mean` and `logvar` [n, latent], all float32 on the model's device. `labels` [n] and
    `factors` [n, factor] (class indices of the known factors) where the data set has them.
    """

    x: "Tensor"
    mean: "Tensor"
    logvar: "Tensor"
    labels: NDArray[Any] | None = None
    factors: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def rate_per_latent(self) -> "Tensor":
        """KL(q(z_k|x) || N(0, 1)) = (mean^2 + e^logvar - 1 - logvar) / 2 of each datum: [n, latent] float64 nats."""
        mean, logvar = self.mean.double(), self.logvar.double()
        return 0.5 * (mean.square() + (logvar.expm1() - logvar))


class Generative(Protocol):
    """The generative half p(x|z) of one trained model. None of these keeps a gradient."""

    def expected(self, z: "Tensor") -> "Tensor":
        """E[x|z] for z [batch, latent]: [batch, *input_shape]."""
        ...

    def log_prob(self, x: "Tensor", z: "Tensor") -> "Tensor":
        """ln p(x|z) for x [batch, *input_shape] and z [batch, latent]: [batch] nats, constants included."""
        ...


@dataclass(frozen=True)
class Evidence:
    """One trained model and the data it is measured on.

    `z` [n, latent] is one sample of each held-out posterior, by the noise behind the reported rate and distortion.
    `training()` is the training split, encoded when first asked for; it is for fitting probes, never for reporting.
    """

    held_out: Encoded
    z: "Tensor"
    model: Generative
    training: Callable[[], Encoded]
    generator: Callable[[str], "torch.Generator"]
    """A CPU generator keyed by the job's seed and this purpose."""
    discrete: bool
    """Whether p(x|z) is a mass function, so that its negative logarithm counts bits."""
    tokens: bool = False
    """Whether data are tokens and no quantities: there is no error between two of them, and E[x|z] is the likeliest."""

    @property
    def latent_dim(self) -> int:
        """M, the number of latent dimensions."""
        return int(self.held_out.mean.shape[1])

    @property
    def input_dim(self) -> int:
        """N, the number of dimensions of one datum."""
        return int(self.held_out.x[0].numel())
