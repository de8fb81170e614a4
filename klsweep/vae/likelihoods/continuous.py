"""Densities on the real line: Gaussian, Laplace, and the squared error that scripts write."""

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from klsweep.vae.likelihoods.likelihood import NOTHING, LikelihoodPart, Own, Scale, Support, Unscaled
from klsweep.vae.precision import in_float32

if TYPE_CHECKING:
    from torch import Tensor

LOG_2PI = math.log(2 * math.pi)  # twice the log-normaliser of N(0, 1)


class Gaussian(LikelihoodPart):
    """Each dimension is N(mean, variance); `params` are the means."""

    kind: Literal["gaussian"] = "gaussian"
    source: ClassVar[str] = (
        "Kingma & Welling 2014, appendix C.2; fitted variance: Rybkin et al. 2021, eq. 5 (for sigma^2)"
    )

    variance: Scale = Field(
        default=1.0, description="sigma^2: a number, learned, learned_per_dim, or optimal (the batch's own)"
    )

    support: ClassVar[Support] = "real line"
    demands: ClassVar[str] = "real numbers; grey values in [0, 1] with a fitted variance"

    @property
    def scale(self) -> Scale | None:
        """The variance."""
        return self.variance

    @property
    def sigma2(self) -> float | None:
        """The variance where it is a number."""
        return self.variance if isinstance(self.variance, float | int) else None

    @in_float32
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":
        """-(x - mean)^2 / (2 sigma^2) - ln(2 pi sigma^2) / 2, summed. [batch] nats."""
        squared = (x - params).square()
        if self.sigma2 is not None:
            summed = squared.flatten(1).sum(1) / self.sigma2
            log_det = squared[0].numel() * math.log(self.sigma2)
            return -0.5 * (summed + squared[0].numel() * LOG_2PI + log_det)
        log_variance = own["log_scale"]
        return -0.5 * (squared * (-log_variance).exp() + log_variance + LOG_2PI).flatten(1).sum(1)

    @in_float32
    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z], the parameters themselves. [batch, *input_shape]."""
        return params

    @in_float32
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":  # noqa: ARG002
        """None: the mean may leave [0, 1]."""
        return None

    @in_float32
    def spread(self, x: "Tensor", params: "Tensor") -> "Tensor":
        """The mean squared error (Rybkin et al. 2021, eq. 5). []."""
        return (x - params).square().mean()

    def fitted_sigma2(self, own: Own) -> "Tensor | None":
        """The fitted variance, where all dimensions share it."""
        shared = self.variance in ("learned", "optimal")
        return own["log_scale"].exp() if shared else None


class Laplace(LikelihoodPart):
    """Each dimension is Laplace(location, b); `params` are the locations: absolute error as a density."""

    kind: Literal["laplace"] = "laplace"
    source: ClassVar[str] = "the density of the absolute error; fitted b as in Rybkin et al. 2021"

    b: Scale = Field(
        default=1.0, description="scale b: a number, learned, learned_per_dim, or optimal (the batch's own)"
    )

    support: ClassVar[Support] = "real line"
    demands: ClassVar[str] = "real numbers; grey values in [0, 1] with a fitted b"

    @property
    def scale(self) -> Scale | None:
        """The scale b."""
        return self.b

    @in_float32
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":
        """-|x - location| / b - ln(2 b), summed. [batch] nats."""
        error = (x - params).abs()
        if isinstance(self.b, float | int):
            return -error.flatten(1).sum(1) / self.b - error[0].numel() * math.log(2 * self.b)
        log_b = own["log_scale"]
        return -(error * (-log_b).exp() + log_b + math.log(2)).flatten(1).sum(1)

    @in_float32
    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z], the parameters themselves. [batch, *input_shape]."""
        return params

    @in_float32
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":  # noqa: ARG002
        """None: the mean may leave [0, 1]."""
        return None

    @in_float32
    def spread(self, x: "Tensor", params: "Tensor") -> "Tensor":
        """The mean absolute error, which is the likeliest b. []."""
        return (x - params).abs().mean()

    def fitted_sigma2(self, own: Own) -> "Tensor | None":  # noqa: ARG002
        """None: theta belongs to the squared error."""
        return None


class Mse(Unscaled):
    """Summed squared error: the Gaussian with sigma^2 = 1/2 without its constant, so NOT a normalised density.

    Its distortion is the squared error itself; to compare it in nats with another likelihood, use
    `{kind: gaussian, variance: 0.5}`, which has the same optimum.
    """

    kind: Literal["mse"] = "mse"
    source: ClassVar[str] = "summed squared error: the Gaussian with sigma^2 = 1/2 less ln(pi)/2 a dimension"

    support: ClassVar[Support] = "real line"
    demands: ClassVar[str] = "real numbers; the weight says of which size their errors are"

    @property
    def sigma2(self) -> float | None:
        """1/2."""
        return 0.5

    @in_float32
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":  # noqa: ARG002
        """-sum_j (x_j - mean_j)^2. [batch]."""
        return -(x - params).square().flatten(1).sum(1)

    @in_float32
    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z], the parameters themselves. [batch, *input_shape]."""
        return params

    @in_float32
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":  # noqa: ARG002
        """None: the mean may leave [0, 1]."""
        return None
