"""What every likelihood gives, and how one with a scale of its own comes by it.

Shapes are those of one model: `x` is [batch, *input_shape] and `params` likewise, with a last axis `params_per_value`
where a likelihood needs more than one. `own` holds what belongs to the likelihood and not to the decoder: empty for
most, `log_scale` where the scale is fitted.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.part import Part

if TYPE_CHECKING:
    from torch import Tensor

Support = Literal["unit interval", "real line", "tokens"]
Own = Mapping[str, "Tensor"]
NOTHING: Own = MappingProxyType({})

Scale = Annotated[float, Field(gt=0)] | Literal["learned"] | Literal["learned_per_dim"] | Literal["optimal"]
"""A number; one parameter of each model; one for each dimension; or the batch's own analytic value."""

LOG_FLOOR = -12.0
"""Lowest log_scale that is fitted, e^-12 = 6e-6: below it a density of data on a plane grows without bound."""

MEMORY = 0.99  # share kept a step of the running mean behind the optimal scale


class Values(Protocol):
    """What a likelihood may ask about the values it is to be trained on; `klsweep.data.Values` answers."""

    @property
    def input_dim(self) -> int:
        """N, the number of dimensions of one datum."""

    def mean(self, of: Callable[[NDArray[np.float64]], NDArray[Any]]) -> float:
        """The average of `of(value)` over all values."""

    def largest(self, of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> float:
        """The largest `of(value)`."""

    def distinct(self, at_most: int) -> NDArray[np.float64] | None:
        """The different values in ascending order, None where there are more than `at_most`."""


class LikelihoodPart(Part):
    """p(x|z): a normalised density or mass function of one datum, constants included.

    Its methods compute in float32 at least, also under autocast and of half-precision parameters (`in_float32`).
    """

    params_per_value: ClassVar[int] = 1
    support: ClassVar[Support]
    demands: ClassVar[str]
    """What data it is a density of, in a few words."""

    is_cross_entropy: ClassVar[bool] = False
    """Whether the distortion is the binary cross-entropy of the mean."""

    @property
    @abstractmethod
    def scale(self) -> Scale | None:
        """The setting of the scale, sigma^2 or b; None for a likelihood without one."""

    @property
    def tokens(self) -> int:
        """How many tokens values are numbers of; 0 where they are quantities, with a mean and a squared error."""
        return 0

    @property
    def sigma2(self) -> float | None:
        """A fixed variance sigma^2, of which the optimum knows theta = beta * sigma2 alone; else None."""
        return None

    @abstractmethod
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":
        """ln p(x|z), summed over the dimensions of the datum. [batch] nats."""

    @abstractmethod
    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z]. [batch, *input_shape]."""

    @abstractmethod
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":
        """Binary cross-entropy of the mean, [batch] nats; None where the mean may leave [0, 1]."""

    @abstractmethod
    def spread(self, x: "Tensor", params: "Tensor") -> "Tensor":
        """The scale that maximises the likelihood of this batch. []."""

    @abstractmethod
    def fitted_sigma2(self, own: Own) -> "Tensor | None":
        """The fitted variance sigma^2, where there is one for all dimensions."""

    def remark(self, values: Values) -> str:  # noqa: ARG002
        """What should be known of these training values under this likelihood; empty where they are just right."""
        return ""

    def is_mass(self, x: "Tensor") -> bool:  # noqa: ARG002
        """Whether this is a mass function of data such as x, so that its negative logarithm counts bits."""
        return False

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, "Tensor"]:
        """The parameters of its own that a likelihood trains with the model, at their start: scale 1."""
        import torch

        if self.scale == "learned":
            return {"log_scale": torch.zeros(())}
        return {"log_scale": torch.zeros(input_shape)} if self.scale == "learned_per_dim" else {}

    def own_of(self, trained: Own, memory: Own) -> Own:
        """What `log_prob` is given away from training: trained parameters, bounded, and what was remembered."""
        from torch.nn.functional import softplus

        if self.scale == "optimal":
            return {"log_scale": _log(memory["spread"] / memory["weight"])}
        return {name: LOG_FLOOR + softplus(value - LOG_FLOOR) for name, value in trained.items()}

    def own_on(self, x: "Tensor", params: "Tensor", own: Own) -> Own:
        """The same while training on a batch, where the optimal scale is the batch's."""
        if self.scale == "optimal":
            return {"log_scale": _log(self.spread(x, params))}
        return own

    def start(self) -> dict[str, float]:
        """What is remembered of earlier batches, before the first."""
        return {"spread": 0.0, "weight": 0.0} if self.scale == "optimal" else {}

    def next(self, memory: Own, spread: "Tensor") -> dict[str, "Tensor"]:
        """The running mean of the batches' scales, as a sum and its weight, with one batch more."""
        if self.scale != "optimal":
            return {}
        return {
            "spread": MEMORY * memory["spread"] + (1 - MEMORY) * spread,
            "weight": MEMORY * memory["weight"] + (1 - MEMORY),
        }


class Unscaled(LikelihoodPart):
    """A likelihood whose parameters all come from the decoder."""

    @property
    def scale(self) -> Scale | None:
        """None."""
        return None

    def spread(self, x: "Tensor", params: "Tensor") -> "Tensor":  # noqa: ARG002
        """Never asked for: there is no scale to fit."""
        raise AssertionError(f"{self.label} has no scale")

    def fitted_sigma2(self, own: Own) -> "Tensor | None":  # noqa: ARG002
        """None: nothing is fitted."""
        return None


def percent(share: float) -> str:
    """A share in words, never rounded to nothing or to all."""
    if 0 < share < 0.001:
        return "fewer than 0.1 %"
    return f"{min(100 * share, 99.9):.1f} %" if share < 1 else "all"


def _log(scale: "Tensor") -> "Tensor":
    """Bounded before the logarithm: that of a perfect fit has no gradient."""
    return scale.clamp(min=math.exp(LOG_FLOOR)).log()
