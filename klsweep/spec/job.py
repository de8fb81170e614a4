"""A job: one complete training with every setting written out, its id its content; and what is said beside jobs."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from klsweep.data import Dataset
from klsweep.metrics import Metric
from klsweep.part import Settings
from klsweep.result import job_digest
from klsweep.vae.likelihoods import Bernoulli, Likelihood
from klsweep.vae.models import Mlp, Model
from klsweep.vae.objectives import Elbo, Objective
from klsweep.vae.schedules import Constant, Length, Schedule
from klsweep.vae.weights import Reduction, Unit, Weighting, weighting

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(gt=0)]
Precision = Literal["fp32", "tf32", "bf16", "auto"]
NotNegativeCount = Annotated[int, Field(ge=0)]

FAMILIES: dict[str, Any] = {
    "dataset": Dataset,
    "model": Model,
    "likelihood": Likelihood,
    "objective": Objective,
    "schedule": Schedule,
    "metrics": Metric,
}
"""The families of parts a spec chooses from, by the name of their axis; metrics are no axis but a list of their own."""


class Train(Settings):
    """How long and by which optimiser a job trains. Give `epochs` or `steps`, not both."""

    optimizer: Literal["adam", "adamw", "sgd"] = Field(default="adam", description="torch.optim's, fused")
    lr: Positive = Field(default=1e-3, description="learning rate")
    lr_decay: Literal["none", "cosine"] = Field(
        default="none", description="of the learning rate, down to 0 at the end"
    )
    weight_decay: NotNegative = Field(
        default=0.0, description="as the optimiser defines it; decoupled in adamw"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0, description="of sgd")
    clip: Positive | None = Field(default=None, description="largest gradient norm of one model")
    batch_size: Count = Field(default=128, description="data per step")
    epochs: Count | None = Field(default=None, description="passes over the training data; 10 without steps")
    steps: Count | None = Field(default=None, description="optimiser steps, instead of epochs")
    precision: Precision = Field(
        default="fp32",
        exclude_if=lambda precision: precision == "fp32",  # jobs keep the ids they had without a choice
        description=(
            "of the networks in training; tf32: products of 11 bits on a GPU; auto: bf16 where the device is fast at it"
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _default_length(cls, given: Any) -> Any:
        if isinstance(given, dict) and "steps" not in given:
            return {"epochs": 10, **given}
        return given

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either epochs or steps")
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum belongs to sgd; {self.optimizer} has none")
        return self

    def length(self, train_size: int) -> Length:
        """The length of a training on `train_size` data; the last batch of an epoch may be smaller."""
        per_epoch = -(-train_size // self.batch_size)
        if self.steps is not None:
            return Length(self.steps, per_epoch)
        assert self.epochs is not None
        return Length(self.epochs * per_epoch, per_epoch)


class Job(Settings):
    """One training. The weight is given in exactly one of `beta_norm`, `beta` and `weight`."""

    dataset: Dataset
    model: Model = Mlp()
    latent_dim: Count = Field(default=10, description="M, dimensions of the latent code")
    likelihood: Likelihood = Bernoulli()
    objective: Objective = Elbo()
    beta_norm: NotNegative | None = Field(default=None, description="the weight as beta * M / N")
    beta: NotNegative | None = Field(default=None, description="the weight between sums in nats")
    weight: NotNegative | None = Field(default=None, description="the raw weight, as typed in the script")
    reduction: Annotated[Reduction, Field(strict=False)] = Field(
        default=Reduction.SUM, description="how the script reduces both terms over dimensions"
    )
    schedule: Schedule = Constant()
    train: Train = Train()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _one_weight(self) -> Self:
        given = [unit.value for unit in Unit if getattr(self, unit) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(f"give the weight in exactly one of beta_norm, beta, weight; found {found}")
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; what was computed of this job is computed anew, for another job has another id."""
        copied = super().model_copy(update=update, deep=deep)
        for computed in ("identity", "id"):
            copied.__dict__.pop(computed, None)
        return copied

    @property
    def unit(self) -> Unit:
        """The unit in which this job gives its weight."""
        return next(unit for unit in Unit if getattr(self, unit) is not None)

    def weighting(self, input_dim: int) -> Weighting:
        """The weight in every unit, for data of N = `input_dim` dimensions."""
        unit = self.unit
        return weighting(
            getattr(self, unit),
            unit,
            reduction=self.reduction,
            input_dim=input_dim,
            latent_dim=self.latent_dim,
        )

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The job as canonical JSON values: no path, floats rounded to 12 significant digits."""
        rounded = _rounded(self.model_dump(mode="json", exclude_none=True))
        assert isinstance(rounded, dict)
        return rounded

    @cached_property
    def id(self) -> str:
        """First 12 hex digits of the SHA-256 of the canonical JSON."""
        return job_digest(self.identity)


class RunLimits(Settings):
    """What a run allows its jobs, and keeps of them."""

    timeout: Positive | None = Field(
        default=None,
        description="seconds of a job; a fleet of n jobs, which train at once, has n times as many",
    )
    stall_timeout: Positive | None = Field(
        default=None, description="seconds without a sign of life: a step of training, a result"
    )
    retries: NotNegativeCount = Field(
        default=1, description="how often a fleet is tried again whose process died or stood still"
    )
    keep_weights: bool = Field(default=True, description="whether results keep the trained parameters")


class Beside(Settings):
    """What a spec says beside its jobs, which enters no job's id; `metrics` stands for one item of its list."""

    metrics: Metric
    run: RunLimits


def _rounded(value: Any) -> Any:
    """Twelve significant digits: one ulp of another numpy must not make another job."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
