"""Objectives that find their own weight: towards a rate, a squared error, or a balance of both."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from klsweep.vae.objectives.objective import Memory, ObjectivePart, Seen, Terms

if TYPE_CHECKING:
    from torch import Tensor

LOG_LAMBDA_BOUND = 16.0
"""How far ln lambda may go, 1/eps of float32: beyond it the loss no longer sees one of its two terms beside the other.
It matters where `sse` is out of reach, or reached without a code."""


class TargetRate(ObjectivePart):
    """A PI controller moves beta until the rate is `nats`; the job's weight is the largest beta it may use.

    As published it moves beta by gains of fixed size. A rate falls by half a nat for each active latent and unit of
    ln beta (R = sum of ln(l / theta) / 2 for a linear VAE), so with such gains the approach takes the more steps the
    larger beta must be. Above 1 it therefore moves 1 + ln beta, and a beta of 100 is approached as fast as one of 2.
    """

    kind: Literal["target_rate"] = "target_rate"
    source: ClassVar[str] = "Shao et al. 2020; above 1 it moves 1 + ln beta, and the sum stops at the bounds"
    weighs_rate: ClassVar[bool] = False
    weight_means: ClassVar[str] = "the largest beta the controller may use"

    nats: float = Field(default=10.0, gt=0, description="the rate to hold")
    proportional: float = Field(
        default=0.1, ge=0, description="K_p: what beta gains when the rate is far above nats"
    )
    integral: float = Field(
        default=3e-3, gt=0, description="K_i: what beta gains a step for each nat too many"
    )
    lowest: float = Field(default=0.0, ge=0, description="the smallest beta it may use")

    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":
        """-log p(x|z) + beta * KL with the controller's beta. [] nats."""
        return (terms.distortion + self._bounded(memory, weight) * terms.rate).mean()

    def start(self) -> dict[str, float]:
        """The smallest beta, nothing summed."""
        return {"beta": self.lowest, "summed": 0.0}

    def next(self, memory: Memory, seen: Seen, weight: "Tensor") -> Memory:
        """f(beta) = K_p / (1 + e^error) + K_i * (summed rate - nats) + f(lowest), error = nats - rate.

        f(beta) is beta up to 1, then 1 + ln beta. The sum does not grow while beta is at a bound and the error would
        push it further (anti-windup).
        """
        error, smallest = self.nats - seen.rate, _height(weight * 0 + self.lowest)
        too_low = (memory["beta"] <= self.lowest) & (error > 0)
        summed = memory["summed"] - self.integral * error.where(~too_low, error * 0)
        summed = summed.minimum(_height(weight) - smallest)
        return {
            "beta": _beta_at(self.proportional * (-error).sigmoid() + summed + smallest),
            "summed": summed,
        }

    def report(self, memory: Memory, weight: "Tensor") -> Memory:
        """The beta it ended with."""
        return {"controlled_beta": self._bounded(memory, weight)}

    def _bounded(self, memory: Memory, weight: "Tensor") -> "Tensor":
        return memory["beta"].clamp(min=self.lowest).minimum(weight)


def _height(beta: "Tensor") -> "Tensor":
    """beta up to 1, 1 + ln beta above: smooth, and what the gains of `TargetRate` act on."""
    return beta.where(beta <= 1, 1 + beta.clamp(min=1).log())


def _beta_at(height: "Tensor") -> "Tensor":
    """The beta of a height."""
    return height.where(height <= 1, (height - 1).exp())


class Geco(ObjectivePart):
    """The smallest rate among models whose squared error is at most `sse`: a multiplier on the error finds it."""

    kind: Literal["geco"] = "geco"
    source: ClassVar[str] = "Rezende & Viola 2018, algorithm 1"
    weighs_rate: ClassVar[bool] = False
    weight_means: ClassVar[str] = "what multiplies the rate, beside a multiplier of the squared error"
    watches_error: ClassVar[bool] = True

    sse: float = Field(
        gt=0, description="squared error per datum, summed over dimensions, that is good enough"
    )
    speed: float = Field(
        default=0.01, gt=0, description="change of ln lambda a step, per relative excess of the error"
    )
    memory: float = Field(
        default=0.9, ge=0, lt=1, description="share kept a step of the running mean of the excess"
    )

    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":
        """weight * KL + lambda * (squared error - sse). [] nats."""
        assert terms.squared_error is not None
        excess = terms.squared_error.mean() - self.sse
        return weight * terms.rate.mean() + memory["log_lambda"].exp() * excess

    def start(self) -> dict[str, float]:
        """lambda = 1, no excess."""
        return {"log_lambda": 0.0, "excess": 0.0}

    def next(self, memory: Memory, seen: Seen, weight: "Tensor") -> Memory:  # noqa: ARG002
        """Too large an error raises lambda: ln lambda grows by speed * running mean of (error - sse) / sse.

        The excess counts as 1 at most, or the large error before anything is learned would carry lambda far too high.
        So a lambda of 100 is ln(100) / speed = 460 steps away at the least.
        """
        assert seen.squared_error is not None
        now = ((seen.squared_error - self.sse) / self.sse).clamp(max=1)
        excess = self.memory * memory["excess"] + (1 - self.memory) * now
        log_lambda = memory["log_lambda"] + self.speed * excess
        return {"log_lambda": log_lambda.clamp(-LOG_LAMBDA_BOUND, LOG_LAMBDA_BOUND), "excess": excess}

    def report(self, memory: Memory, weight: "Tensor") -> Memory:
        """The multiplier, and theta = weight / (2 lambda), the beta * sigma^2 with the same optimum."""
        multiplier = memory["log_lambda"].exp()
        return {"controlled_lambda": multiplier, "theta": weight / (2 * multiplier)}


class Balanced(ObjectivePart):
    """The squared error over twice its own running size, which can only shrink."""

    kind: Literal["balanced"] = "balanced"
    source: ClassVar[str] = "Asperti & Trentin 2020; the running mean of the official code"
    weighs_rate: ClassVar[bool] = False
    weight_means: ClassVar[str] = (
        "what multiplies the rate, beside the squared error over twice its own running size"
    )
    watches_error: ClassVar[bool] = True

    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":
        """Squared error / (2 gamma^2) + weight * KL, gamma^2 the error remembered. [] nats."""
        assert terms.squared_error is not None
        return (terms.squared_error / (2 * memory["gamma2"]) + weight * terms.rate).mean()

    def start(self) -> dict[str, float]:
        """gamma^2 = 1, per dimension."""
        return {"gamma2": 1.0}

    def next(self, memory: Memory, seen: Seen, weight: "Tensor") -> Memory:  # noqa: ARG002
        """gamma^2 <- min(gamma^2, 0.99 gamma^2 + 0.01 mean squared error)."""
        assert seen.squared_error is not None
        running = 0.99 * memory["gamma2"] + 0.01 * seen.squared_error / seen.input_dim
        return {"gamma2": memory["gamma2"].minimum(running)}

    def report(self, memory: Memory, weight: "Tensor") -> Memory:
        """theta = weight * gamma^2, the beta * sigma^2 it trained with at the end."""
        return {"theta": weight * memory["gamma2"]}
