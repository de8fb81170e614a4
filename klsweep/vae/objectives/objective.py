"""What every objective gives: a loss per datum for one model and one batch, and what it remembers between batches.

The reduction's scale a multiplies the loss in `train`; `weight` is the effective beta of the step. What adapts during
training has its memory outside: `start()` before the first batch, `next(memory, seen)` after each.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from klsweep.part import Part

if TYPE_CHECKING:
    from torch import Tensor

Memory = Mapping[str, "Tensor"]
"""What an objective remembers of one model, numbers [] by name; [member] for a fleet."""


class Terms(NamedTuple):
    """What a model gives for one batch."""

    distortion: "Tensor"  # [batch] nats: -log p(x|z)
    rate: "Tensor"  # [batch] nats: KL(q(z|x) || p(z))
    rate_per_latent: "Tensor"  # [batch, latent] nats: KL(q(z_k|x) || p(z_k))
    mean: "Tensor"  # [batch, latent] of q(z|x)
    logvar: "Tensor"  # [batch, latent] of q(z|x)
    z: "Tensor"  # [batch, latent] sampled
    squared_error: (
        "Tensor | None"  # [batch] of the mean reconstruction, summed; where the objective watches it
    )


class Seen(NamedTuple):
    """Batch means after a step, numbers [] or [member], and the share of the training that is done."""

    distortion: "Tensor"
    rate: "Tensor"
    squared_error: "Tensor | None"  # summed over dimensions; where the objective watches it
    input_dim: int
    progress: "float | Tensor"


class ObjectivePart(Part):
    """What is minimised."""

    watches_error: ClassVar[bool] = False
    """Whether it needs the squared error of the reconstruction, which costs a pass over the data's dimensions."""

    weighs_rate: ClassVar[bool] = True
    """Whether the weight is the beta that multiplies the rate, so that theta = beta * sigma^2 is known."""

    weight_means: ClassVar[str] = "the beta that multiplies the rate"
    """What a job's weight is for this objective, and so what reduction and schedule act on."""

    @abstractmethod
    def loss(self, terms: Terms, weight: "Tensor", memory: Memory) -> "Tensor":
        """Loss per datum, to be minimised. [] nats."""

    @abstractmethod
    def start(self) -> dict[str, float]:
        """The memory before the first batch."""

    @abstractmethod
    def next(self, memory: Memory, seen: Seen, weight: "Tensor") -> Memory:
        """The memory after a batch."""

    @abstractmethod
    def report(self, memory: Memory, weight: "Tensor") -> Memory:
        """Where its own weights ended, as further metrics by name."""


class OpenLoop(ObjectivePart):
    """An objective that remembers nothing."""

    def start(self) -> dict[str, float]:
        """Nothing."""
        return {}

    def next(self, memory: Memory, seen: Seen, weight: "Tensor") -> Memory:  # noqa: ARG002
        """Nothing."""
        return {}

    def report(self, memory: Memory, weight: "Tensor") -> Memory:  # noqa: ARG002
        """Nothing."""
        return {}
