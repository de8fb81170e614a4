"""Mass functions of values that come in levels: x in [0, 1] is read as level round(x * (levels - 1))."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.vae.likelihoods.likelihood import NOTHING, Own, Support, Unscaled, Values, percent
from klsweep.vae.precision import in_float32

if TYPE_CHECKING:
    from torch import Tensor

LOG_SCALE_RANGE = (-7.0, 7.0)
"""Bounds of the logistic's log-scale in units of the data: 0.2 of a level of 256, and flat."""


class Categorical(Unscaled):
    """Each dimension is one of `levels` by a softmax; `params` are logits [..., levels]."""

    kind: Literal["categorical"] = "categorical"
    source: ClassVar[str] = "van den Oord et al. 2016 (softmax over pixel values)"

    levels: int = Field(
        default=8, ge=2, le=256, description="values a dimension can take, equally spaced in [0, 1]"
    )

    support: ClassVar[Support] = "unit interval"
    demands: ClassVar[str] = "`levels` equally spaced values from 0 to 1; others are rounded to them"

    @property
    def params_per_value(self) -> int:  # type: ignore[override]
        """One logit for each level."""
        return self.levels

    @in_float32
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":  # noqa: ARG002
        """sum_j l_{j, level(x_j)} - ln sum_k e^{l_jk}. [batch] nats."""
        level = _level(x, self.levels).unsqueeze(-1)
        return params.log_softmax(-1).gather(-1, level).flatten(1).sum(1)

    @in_float32
    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z] = sum_k p_k k / (levels - 1). [batch, *input_shape]."""
        import torch

        values = torch.linspace(0, 1, self.levels, device=params.device, dtype=params.dtype)
        return params.softmax(-1) @ values

    def remark(self, values: Values) -> str:
        """How far values that are on no level are moved."""
        return _rounding(values, self.levels)

    def is_mass(self, x: "Tensor") -> bool:  # noqa: ARG002
        """True: data are levels."""
        return True

    @in_float32
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":  # noqa: ARG002
        """None: levels are not coins."""
        return None


class DiscretizedLogistic(Unscaled):
    """A logistic density summed over each of 256 levels, the outer two to infinity; `params` are (location, log-scale).

    The decoder's zero means the middle of the range and a scale of a tenth of it.
    """

    kind: Literal["discretized_logistic"] = "discretized_logistic"
    source: ClassVar[str] = (
        "Kingma et al. 2016; edges as in Salimans et al. 2017, 'Discretized logistic mixture likelihood'"
    )

    levels: int = Field(default=256, ge=2, le=256, description="levels, equally spaced in [0, 1]")

    params_per_value: ClassVar[int] = 2
    support: ClassVar[Support] = "unit interval"
    demands: ClassVar[str] = "bytes / 255, or as many other `levels` from 0 to 1; others are rounded to them"

    @in_float32
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":  # noqa: ARG002
        """sum_j ln(F(x_j + h) - F(x_j - h)), h half a level and F the logistic's; F(-h) = 0 and F(1 + h) = 1.

        With u = (x + h - m) / s and v = (x - h - m) / s the difference is F(u) F(-v) (1 - e^{v-u}), which keeps its
        digits in the tails. [batch] nats.
        """
        import torch
        from torch.nn.functional import logsigmoid

        level = _level(x, self.levels)
        location, log_scale = _location_and_scale(params)
        half, centre = 0.5 / (self.levels - 1), level.to(x.dtype) / (self.levels - 1) - location
        precision = (-log_scale).exp()
        upper, lower = logsigmoid((centre + half) * precision), logsigmoid(-(centre - half) * precision)
        between = upper + lower + (-(-2 * half * precision).expm1()).log()
        inner = torch.where(level == self.levels - 1, lower, between)
        return torch.where(level == 0, upper, inner).flatten(1).sum(1)

    @in_float32
    def mean(self, params: "Tensor") -> "Tensor":
        """E[x|z] = sum over levels k of P(x > k) / (levels - 1). [batch, *input_shape]."""
        import torch

        location, log_scale = _location_and_scale(params)
        precision, total = (-log_scale).exp(), torch.zeros_like(location)
        for level in range(self.levels - 1):  # one level at a time: all at once would not fit into memory
            total = total + ((location - (level + 0.5) / (self.levels - 1)) * precision).sigmoid()
        return total / (self.levels - 1)

    def remark(self, values: Values) -> str:
        """How far values that are on no level are moved."""
        return _rounding(values, self.levels)

    def is_mass(self, x: "Tensor") -> bool:  # noqa: ARG002
        """True: data are levels."""
        return True

    @in_float32
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":  # noqa: ARG002
        """None: levels are not coins."""
        return None


MOVED = 1e-6
"""A value this near to a level is on it: float32 rounds a value in [0, 1] by 6e-8 at most."""

MOST = 256  # levels that a likelihood may have


def _rounding(values: Values, levels: int) -> str:
    """How many values are on no level and how far rounding moves them; empty where all are on one."""
    furthest = values.largest(lambda x: _moved(x, levels))
    if furthest <= MOVED:
        return ""
    share = percent(values.mean(lambda x: _moved(x, levels) > MOVED))
    fit = _levels_of(values)
    better = f"; levels: {fit} would move none" if fit else ""
    return (
        f"{share} of the training values are on none of the {levels} levels and count as the nearest, the furthest "
        f"{furthest:.2g} away{better}"
    )


def _levels_of(values: Values) -> int | None:
    """The fewest levels on which all values are."""
    different = values.distinct(MOST)
    if different is None:
        return None
    fitting = (levels for levels in range(2, MOST + 1) if _moved(different, levels).max() <= MOVED)
    return next(fitting, None)


def _moved(x: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """How far each value is from its level."""
    return np.asarray(np.abs(np.rint(x * (levels - 1)) / (levels - 1) - x))


def _level(x: "Tensor", levels: int) -> "Tensor":
    return (x * (levels - 1)).round().long()


def _location_and_scale(params: "Tensor") -> tuple["Tensor", "Tensor"]:
    location, log_scale = params.unbind(-1)
    return location + 0.5, (log_scale - 2.3).clamp(*LOG_SCALE_RANGE)  # e^-2.3 = 0.1
