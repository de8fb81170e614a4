"""Schedules: s(t) in [0, 1] multiplies the target weight at step t = 0 ... T-1 of a training of T steps.

A setting of length (`warmup`, `midpoint`) is a share of the training, a number of steps or a number of epochs, as
`by` says.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from klsweep.part import ByKind, Part


@dataclass(frozen=True)
class Length:
    """How long a training is."""

    steps: int
    steps_per_epoch: int

    @property
    def epochs(self) -> int:
        """Epochs, the last of which may be cut short."""
        return -(-self.steps // self.steps_per_epoch)


Kind = TypeVar("Kind", bound=Part)
By = Annotated[
    Literal["fraction", "step", "epoch"],
    Field(description="what lengths are given in: share of the training, steps or epochs"),
]
Start = Annotated[float, Field(ge=0, le=1, description="s at the first step")]
Shape = Literal["linear", "sigmoid", "cosine"]

_NEAR_ONE = 0.99  # where a curve that only tends to 1 counts as there


def in_steps(value: float, by: By, length: Length) -> float:
    """A length setting as a number of steps, whole or not."""
    return value * {"fraction": length.steps, "step": 1, "epoch": length.steps_per_epoch}[by]


def ramp(shape: Shape, v: float) -> float:
    """From 0 to 1 over v in [0, 1]: v, 1/(1+e^-(12v-6)), or (1-cos(pi v))/2 (Fu et al. 2019, official code).

    The sigmoid begins at 0.0025 and ends at 0.9975.
    """
    match shape:
        case "linear":
            return v
        case "sigmoid":
            return 1 / (1 + math.exp(-(12 * v - 6)))
        case "cosine":
            return 0.5 - 0.5 * math.cos(math.pi * v)


class Constant(Part):
    """The target weight from the first step to the last."""

    kind: Literal["constant"] = "constant"
    source: ClassVar[str] = "Higgins et al. 2017, eq. 4"

    def at(self, step: int, length: Length) -> float:  # noqa: ARG002 - the same at every step
        """1 at every step."""
        return 1.0

    def unreached(self, length: Length) -> str:  # noqa: ARG002 - it is where it ends from the start
        """Why s does not come to 1 in a training of this length; empty where it does."""
        return ""


class WarmUp(Part):
    """A schedule that goes from `start` to 1 over `warmup` and stays there; a concrete one says along what curve."""

    start: Start = 0.0
    warmup: float = Field(default=0.5, gt=0, description="how long s takes to come to 1")
    by: By = "fraction"

    @model_validator(mode="after")
    def _within(self) -> Self:
        return _checked(self, self.by, warmup=self.warmup)

    @abstractmethod
    def at(self, step: int, length: Length) -> float:
        """The value of s before step t = `step`, counted from 0."""

    def unreached(self, length: Length) -> str:
        """Why s does not come to 1 in a training of this length; empty where it does."""
        return _too_long("warmup", in_steps(self.warmup, self.by, length), length)

    def climbed(self, shape: Shape, step: int, length: Length) -> float:
        """The value start + (1 - start) * ramp(min(1, t / warmup))."""
        done = min(1.0, step / in_steps(self.warmup, self.by, length))
        return self.start + (1 - self.start) * ramp(shape, done)


class Linear(WarmUp):
    """From `start` to 1 in a straight line over `warmup`, then 1."""

    kind: Literal["linear"] = "linear"
    source: ClassVar[str] = "Bowman et al. 2016, section 3.1; Sonderby et al. 2016"

    def at(self, step: int, length: Length) -> float:
        """The value start + (1 - start) * min(1, t / warmup)."""
        return self.climbed("linear", step, length)


class Cosine(WarmUp):
    """From `start` to 1 along half a cosine over `warmup`, then 1."""

    kind: Literal["cosine"] = "cosine"
    source: ClassVar[str] = "Fu et al. 2019, official code, one cycle"

    def at(self, step: int, length: Length) -> float:
        """The value start + (1 - start) * (1 - cos(pi min(1, t / warmup))) / 2."""
        return self.climbed("cosine", step, length)


class Sigmoid(Part):
    """A logistic curve through 1/2 at `midpoint`; `steepness` is its slope times 4, per length of the training."""

    kind: Literal["sigmoid"] = "sigmoid"
    source: ClassVar[str] = "Bowman et al. 2016, figure 2; with k per step, steepness is k * T"

    midpoint: float = Field(default=0.25, gt=0, description="where s is 1/2")
    steepness: float = Field(default=25.0, gt=0, description="k * T of 1 / (1 + exp(-k (t - midpoint)))")
    by: By = "fraction"

    @model_validator(mode="after")
    def _within(self) -> Self:
        return _checked(self, self.by, midpoint=self.midpoint)

    def at(self, step: int, length: Length) -> float:
        """The value 1 / (1 + exp(-steepness (t - midpoint) / T))."""
        x = self.steepness * (step - in_steps(self.midpoint, self.by, length)) / length.steps
        return 0.5 * (1 + math.tanh(0.5 * x))  # the same curve, without overflow

    def unreached(self, length: Length) -> str:
        """Why s does not come to 0.99 in a training of this length; empty where it does."""
        end = self.at(length.steps, length)
        return "" if end >= _NEAR_ONE else f"s is only {end:.3g} when the training ends"


class Cyclical(Part):
    """`cycles` equal cycles; in each, s climbs from 0 to 1 over the first `ratio` of the cycle, then stays 1."""

    kind: Literal["cyclical"] = "cyclical"
    source: ClassVar[str] = "Fu et al. 2019, 'cyclical annealing schedule' and the official code"

    cycles: int = Field(default=4, gt=0, description="cycles in the training")
    ratio: float = Field(default=0.5, gt=0, le=1, description="share of a cycle in which s climbs")
    shape: Shape = Field(default="linear", description="of the climb")

    def at(self, step: int, length: Length) -> float:
        """f(tau) while tau = mod(t M / T, 1) <= ratio, then 1; t counts from 0, the paper's from 1.

        The paper's mod(t, ceil(T/M)) / (T/M) is the same where M divides T. Where it does not, it makes fewer cycles
        than M and may end the training within one, at s far below 1.
        """
        return _cycled(step, length, cycles=self.cycles, ratio=self.ratio, shape=self.shape)

    def unreached(self, length: Length) -> str:
        """Why s does not come to 1 in the last cycle of a training of this length; empty where it does."""
        return _never_up(length, cycles=self.cycles, ratio=self.ratio)


class Monotonic(Part):
    """One climb over the first `ratio` of the training, then 1: the cyclical schedule with a single cycle."""

    kind: Literal["monotonic"] = "monotonic"
    source: ClassVar[str] = "Fu et al. 2019, the baseline of the official code"

    ratio: float = Field(default=0.25, gt=0, le=1, description="share of the training in which s climbs")
    shape: Shape = Field(default="linear", description="of the climb")

    def at(self, step: int, length: Length) -> float:
        """f(t / T) while t / T <= ratio, then 1."""
        return _cycled(step, length, cycles=1, ratio=self.ratio, shape=self.shape)

    def unreached(self, length: Length) -> str:
        """Why s does not come to 1 in a training of this length; empty where it does."""
        return _never_up(length, cycles=1, ratio=self.ratio)


class PerEpoch(Part):
    """A staircase: the first epoch at `start`, one equal step up after each epoch, 1 after `epochs` of them."""

    kind: Literal["per_epoch"] = "per_epoch"
    source: ClassVar[str] = "Sonderby et al. 2016, official code (200 epochs from 0)"

    start: Start = 0.0
    epochs: int = Field(default=5, gt=0, description="steps up, one after each epoch")

    def at(self, step: int, length: Length) -> float:
        """The value min(1, start + (1 - start) * e / epochs) in epoch e, counted from 0."""
        epoch = step // length.steps_per_epoch
        return self.start + (1 - self.start) * min(1.0, epoch / self.epochs)

    def unreached(self, length: Length) -> str:
        """Why s does not come to 1 in a training of this length; empty where it does."""
        last = (length.steps - 1) // length.steps_per_epoch
        if last >= self.epochs:
            return ""
        return f"s is 1 from epoch {self.epochs + 1} on, and the training has {last + 1}"


Schedule = Annotated[Constant | Linear | Sigmoid | Cosine | Cyclical | Monotonic | PerEpoch, ByKind()]


def _cycled(step: int, length: Length, *, cycles: int, ratio: float, shape: Shape) -> float:
    tau = (step * cycles % length.steps) / length.steps
    return ramp(shape, tau / ratio) if tau <= ratio else 1.0


def _never_up(length: Length, *, cycles: int, ratio: float) -> str:
    """A cycle ends below 1 where none of its steps lies at or beyond `ratio`; no cycle ends lower than the last."""
    if (length.steps - cycles) / length.steps >= ratio:
        return ""
    return (
        f"a cycle of {length.steps / cycles:g} steps is over before the share {ratio:g} of it, where s is 1"
    )


def _too_long(name: str, steps: float, length: Length) -> str:
    if steps <= length.steps:
        return ""
    return f"{name} takes {steps:g} steps and the training has {length.steps}"


def _checked(part: Kind, by: By, **lengths: float) -> Kind:
    """A share of the training beyond 1 is known to be too long before the training is."""
    for name, value in lengths.items():
        if by == "fraction" and value > 1:
            raise ValueError(
                f"{name} {value:g} is longer than the training: a share is at most 1; "
                f"for {value:g} epochs add by: epoch"
            )
    return part
