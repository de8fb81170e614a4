"""Schedules: s(progress) in [0, 1] multiplies the target weight.

`progress` is the share of the training already done when a step is taken: t / T before step t = 0 ... T-1.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from klsweep.part import ByKind, Part


class Constant(Part):
    """The target weight from the first step to the last."""

    kind: Literal["constant"] = "constant"
    source: ClassVar[str] = "Higgins et al. 2017, eq. 4"

    def at(self, progress: float) -> float:  # noqa: ARG002 - a schedule is a function of progress
        """1, whatever the progress."""
        return 1.0


class Linear(Part):
    """From `start` to 1 in a straight line over the first `warmup` of the training, then 1."""

    kind: Literal["linear"] = "linear"
    source: ClassVar[str] = "Bowman et al. 2016, section 3.1; Sonderby et al. 2016"

    start: float = Field(default=0.0, ge=0, le=1, description="s at the first step")
    warmup: float = Field(
        default=0.5, gt=0, le=1, description="share of the training after which s is 1; more would never end"
    )

    def at(self, progress: float) -> float:
        """start + (1 - start) * min(1, progress / warmup)."""
        return self.start + (1 - self.start) * min(1.0, progress / self.warmup)


Schedule = Annotated[Constant | Linear, ByKind()]
