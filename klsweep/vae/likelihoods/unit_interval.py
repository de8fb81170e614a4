"""Densities and mass functions of values in [0, 1]: Bernoulli, continuous Bernoulli, Beta."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.vae.likelihoods.likelihood import NOTHING, Own, Support, Unscaled, Values, percent
from klsweep.vae.precision import in_float32

if TYPE_CHECKING:
    from torch import Tensor


class Bernoulli(Unscaled):
    """Each dimension is a coin: x in {0, 1}, `params` are logits. Grey x in [0, 1] gives the cross-entropy."""

    kind: Literal["bernoulli"] = "bernoulli"
    source: ClassVar[str] = "Kingma & Welling 2014, appendix C.1"

    support: ClassVar[Support] = "unit interval"
    is_cross_entropy: ClassVar[bool] = True
    demands: ClassVar[str] = (
        "0 and 1; of grey values it is no density, and their entropy is a floor of the distortion"
    )

    @in_float32
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":  # noqa: ARG002
        """sum_j x_j l_j - ln(1 + e^{l_j}) with logits l. [batch] nats."""
        from torch.nn.functional import softplus

        return (x * params - softplus(params)).flatten(1).sum(1)

    @in_float32
    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z] = sigmoid(logits). [batch, *input_shape]."""
        return params.sigmoid()

    @in_float32
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":
        """Binary cross-entropy of the mean: the distortion itself. [batch] nats."""
        return -self.log_prob(x, params)

    def remark(self, values: Values) -> str:
        """The floor that grey values set the distortion, and which likelihoods are right for them."""
        share = values.mean(_grey)
        if share == 0:
            return ""
        floor = entropy_nats(values)
        return (
            f"{percent(share)} of the training values are grey, neither 0 nor 1, and the distortion is their "
            f"cross-entropy: even a perfect reconstruction costs {floor:.4g} nats per datum, their summed binary "
            f"entropy. {FOR_GREY}"
        )

    def is_mass(self, x: "Tensor") -> bool:
        """Whether every value is 0 or 1."""
        from torch import split

        return all(bool((some.square() == some).all()) for some in split(x, SOME))


class ContinuousBernoulli(Unscaled):
    """Density C(l) l^x (1-l)^(1-x) on [0, 1], the Bernoulli with its missing normaliser; `params` are logits.

    Unbounded at x in {0, 1}: on binary data its nats are no match for Bernoulli nats.
    """

    kind: Literal["continuous_bernoulli"] = "continuous_bernoulli"
    source: ClassVar[str] = "Loaiza-Ganem & Cunningham 2019, as an exponential family in the logit"

    support: ClassVar[Support] = "unit interval"
    demands: ClassVar[str] = "grey values in [0, 1]; of 0 and 1 alone the density has no bound"

    @in_float32
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":  # noqa: ARG002
        """sum_j x_j eta_j - A(eta_j) with logits eta and A(eta) = ln((e^eta - 1) / eta). [batch] nats."""
        return (x * params - _log_partition(params)).flatten(1).sum(1)

    @in_float32
    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z] = 1 / (1 - e^-eta) - 1 / eta, which is 1 less that of -eta. [batch, *input_shape]."""
        import torch

        near = params.abs() < SERIES_BELOW
        size = torch.where(near, 1.0, params.abs())
        low = (
            1 / size + (-size).exp() / (-size).expm1()
        )  # of -size: nothing overflows, in the gradient neither
        eta = torch.where(near, params, 0.0)
        square = eta.square()
        series = 0.5 + eta * (1 / 12 - square * (1 / 720 - square * (1 / 30240 - square / 1209600)))
        return torch.where(near, series, torch.where(params < 0, low, 1 - low))

    def remark(self, values: Values) -> str:
        """That coins, on which the density has no bound, are the Bernoulli's."""
        if values.mean(_grey) > 0:
            return ""
        return (
            "every training value is 0 or 1, where this density has no bound: its nats fall for as long as it is "
            "trained and cannot be compared. Right for such data: bernoulli."
        )

    @in_float32
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":
        """Binary cross-entropy of the mean. [batch] nats."""
        return _binary_cross_entropy(x, self.mean(params))


class Beta(Unscaled):
    """Each dimension is Beta(a, b), both from the decoder; x is clipped to [epsilon, 1 - epsilon]."""

    kind: Literal["beta"] = "beta"
    source: ClassVar[str] = "Loaiza-Ganem & Cunningham 2019, the Beta baseline of the official code"

    epsilon: float = Field(default=1e-4, gt=0, lt=0.5, description="distance that data keep from 0 and 1")

    params_per_value: ClassVar[int] = 2
    support: ClassVar[Support] = "unit interval"
    demands: ClassVar[str] = "grey values between 0 and 1; what is nearer to them than epsilon is clipped"

    @in_float32
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":  # noqa: ARG002
        """sum_j (a-1) ln x + (b-1) ln(1-x) - ln B(a, b), of the clipped x. [batch] nats."""
        clipped = x.clamp(self.epsilon, 1 - self.epsilon)
        a, b = _positive(params)
        log_beta = a.lgamma() + b.lgamma() - (a + b).lgamma()
        return ((a - 1) * clipped.log() + (b - 1) * (-clipped).log1p() - log_beta).flatten(1).sum(1)

    @in_float32
    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z] = a / (a + b). [batch, *input_shape]."""
        a, b = _positive(params)
        return a / (a + b)

    def remark(self, values: Values) -> str:
        """Which share of the values is clipped."""
        share = values.mean(lambda x: (x < self.epsilon) | (x > 1 - self.epsilon))
        if share == 0:
            return ""
        return (
            f"{percent(share)} of the training values are nearer than epsilon = {self.epsilon:g} to 0 or 1 and are "
            f"clipped to that distance; the density is that of the clipped values."
        )

    @in_float32
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":
        """Binary cross-entropy of the mean. [batch] nats."""
        return _binary_cross_entropy(x, self.mean(params))


SOME = 512
"""Data looked at together: the first of them say it where values are grey."""

FOR_GREY = (
    "Right for grey data: continuous_bernoulli, beta, gaussian with variance: learned or optimal; for byte levels also "
    "categorical with levels: 256, discretized_logistic; or dataset.binarize, which makes coins of them."
)

SERIES_BELOW = 1.0
"""|eta| below which A and the mean are taken from their series. The first term left out is 2e-9 of A there and 2e-8 of
the mean, less than float32 sees; the closed forms lose their digits by cancellation as eta goes to 0."""


def _grey(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((x > 0) & (x < 1))


def entropy_nats(values: Values) -> float:
    """The summed binary entropy of a datum's values, on average over the data: 0 where all of them are 0 or 1."""
    return values.input_dim * values.mean(binary_entropy)


def binary_entropy(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """H(x) = -x ln x - (1-x) ln(1-x) of x [k], the least over p of the cross-entropy -x ln p - (1-x) ln(1-p). Nats."""
    entropy, grey = np.zeros(len(x)), _grey(x)
    x = x[grey]
    entropy[grey] = -x * np.log(x) - (1 - x) * np.log1p(-x)
    return entropy


def _log_partition(eta: "Tensor") -> "Tensor":
    """A(eta) = ln((e^eta - 1) / eta); 0 at 0. Where it is not used, each branch is kept finite for the gradient."""
    import torch

    near = eta.abs() < SERIES_BELOW
    size = torch.where(near, 1.0, eta.abs())
    closed = eta.clamp(min=0) + (-(-size).exp()).log1p() - size.log()
    small = torch.where(near, eta, 0.0)
    square = small.square()
    series = small / 2 + square * (1 / 24 - square * (1 / 2880 - square * (1 / 181440 - square / 9676800)))
    return torch.where(near, series, closed)


def _positive(params: "Tensor") -> tuple["Tensor", "Tensor"]:
    """Two positive parameters per dimension, 1e-6 + softplus of what the decoder gives."""
    from torch.nn.functional import softplus

    a, b = (1e-6 + softplus(params)).unbind(-1)
    return a, b


def _binary_cross_entropy(x: "Tensor", mean: "Tensor") -> "Tensor":
    """[batch] nats, logarithms cut at -100 as torch cuts them; NaN, which torch refuses, where a model diverged."""
    low, high = (-mean).log1p().clamp(min=-100), mean.log().clamp(min=-100)
    return ((x - 1) * low - x * high).flatten(1).sum(1)
