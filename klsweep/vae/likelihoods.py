"""Likelihoods p(x|z): normalised densities and mass functions of one datum, constants included.

Shapes are those of one model: `x` is [batch, *input_shape] and `params` likewise, with a last axis
`params_per_value` where a likelihood needs more than one. Log-probabilities are [batch], in nats, summed over the
dimensions of the datum.
"""

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from klsweep.part import ByKind, Part

if TYPE_CHECKING:
    from torch import Tensor

Support = Literal["unit interval", "real line"]

LOG_2PI = math.log(2 * math.pi)  # twice the log-normaliser of N(0, 1)


class Bernoulli(Part):
    """Each dimension is a coin: x in {0, 1}, `params` are logits. Grey x in [0, 1] gives the cross-entropy."""

    kind: Literal["bernoulli"] = "bernoulli"
    source: ClassVar[str] = "Kingma & Welling 2014, appendix C.1"

    params_per_value: ClassVar[int] = 1
    support: ClassVar[Support] = "unit interval"
    sigma2: ClassVar[float | None] = None

    def log_prob(self, x: "Tensor", params: "Tensor") -> "Tensor":
        """sum_j x_j l_j - ln(1 + e^{l_j}) with logits l. [batch] nats."""
        from torch.nn.functional import softplus

        return (x * params - softplus(params)).flatten(1).sum(1)

    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z] = sigmoid(logits). [batch, *input_shape]."""
        return params.sigmoid()

    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":
        """Binary cross-entropy of the mean: the distortion itself. [batch] nats."""
        return -self.log_prob(x, params)


class Gaussian(Part):
    """Each dimension is N(mean, variance) with one variance for all; `params` are the means."""

    kind: Literal["gaussian"] = "gaussian"
    source: ClassVar[str] = "Kingma & Welling 2014, appendix C.2"

    variance: float = Field(default=1.0, gt=0, description="sigma^2, in squared units of the data")

    params_per_value: ClassVar[int] = 1
    support: ClassVar[Support] = "real line"

    @property
    def sigma2(self) -> float | None:
        """The variance; the optimum depends on theta = beta * sigma2 alone."""
        return self.variance

    def log_prob(self, x: "Tensor", params: "Tensor") -> "Tensor":
        """-(x - mean)^2 / (2 sigma^2) - ln(2 pi sigma^2) / 2, summed. [batch] nats."""
        squared = (x - params).square().flatten(1)
        log_normaliser = 0.5 * squared.shape[1] * (LOG_2PI + math.log(self.variance))
        return -squared.sum(1) / (2 * self.variance) - log_normaliser

    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z], the parameters themselves. [batch, *input_shape]."""
        return params

    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":  # noqa: ARG002
        """None: the mean may leave [0, 1]."""
        return None


class Mse(Part):
    """Summed squared error: the Gaussian with sigma^2 = 1/2 without its constant, so NOT a normalised density.

    Its distortion is the squared error itself; to compare it in nats with another likelihood, use
    `{kind: gaussian, variance: 0.5}`, which has the same optimum.
    """

    kind: Literal["mse"] = "mse"
    source: ClassVar[str] = (
        "the summed squared error of most public code; sigma^2 = 1/2 without ln(pi)/2 per dimension"
    )

    params_per_value: ClassVar[int] = 1
    support: ClassVar[Support] = "real line"
    sigma2: ClassVar[float | None] = 0.5

    def log_prob(self, x: "Tensor", params: "Tensor") -> "Tensor":
        """-sum_j (x_j - mean_j)^2. [batch]."""
        return -(x - params).square().flatten(1).sum(1)

    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z], the parameters themselves. [batch, *input_shape]."""
        return params

    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":  # noqa: ARG002
        """None: the mean may leave [0, 1]."""
        return None


Likelihood = Annotated[Bernoulli | Gaussian | Mse, ByKind()]
