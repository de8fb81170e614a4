"""A fleet: what its members share, their stacked parameters, and the forward pass of all of them at once."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from klsweep.spec.job import Job
from klsweep.train import precision
from klsweep.train.alone import alone, only
from klsweep.train.precision import Resolved
from klsweep.vae import posterior
from klsweep.vae.likelihoods.likelihood import Own
from klsweep.vae.networks import Vae
from klsweep.vae.objectives import Memory, Seen, Terms
from klsweep.vae.products import LARGE, float32_products
from klsweep.vae.schedules import Length
from klsweep.vae.weights import Weighting

Parameters = dict[str, nn.Parameter]
"""Stacked parameters [member, ...] by name."""

Found = TypeVar("Found")

OWN = "likelihood."  # before the names of the parameters that belong to the likelihood


class Losses(NamedTuple):
    """Batch means of a step, [member] each: the objective, and what was seen on the way."""

    loss: Tensor  # not yet multiplied by the reduction's scale
    distortion: Tensor
    rate: Tensor
    watched: dict[str, Tensor]  # squared_error and spread, the likeliest scale, where anything asks for them


@dataclass
class Members:
    """What training changes, all members stacked: parameters, and what objective and likelihood remember."""

    parameters: Parameters
    objective: Memory
    likelihood: Memory

    @property
    def own(self) -> Parameters:
        """The likelihood's own trained parameters."""
        return {
            name.removeprefix(OWN): value for name, value in self.parameters.items() if name.startswith(OWN)
        }


class Output(NamedTuple):
    """What a network makes of a batch: [batch, latent] three times, and the decoder's parameters."""

    mean: Tensor
    logvar: Tensor
    z: Tensor
    params: Tensor


class Pass(nn.Module):
    """Encode, sample, decode; and the parameters of the likelihood's own, which are trained with the network."""

    def __init__(self, vae: Vae, own: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.vae = vae
        self.likelihood = nn.ParameterDict(own)

    def forward(self, x: Tensor, noise: Tensor) -> Output:
        """`x` [batch, *input_shape] and standard normal `noise` [batch, latent] of one model."""
        mean, logvar = self.vae.encode(x)
        z = posterior.sample(mean, logvar, noise)
        return Output(mean, logvar, z, self.vae.decode_given(z, x))


@dataclass(frozen=True)
class Fleet:
    """Jobs that differ only in weight, schedule, reduction and seed, ready to train on `device`."""

    jobs: tuple[Job, ...]
    parameters: Parameters  # of all members, stacked
    one: Pass  # of one model: the only member's own; or of all, with `parameters` in it, where it takes them so
    seeds: tuple[int, ...]
    member_seed: Tensor  # [member] index into seeds
    weightings: tuple[Weighting, ...]
    recon_scale: Tensor  # [member], the a of each reduction
    progress_weights: Tensor  # [step, member] effective beta * s(t), float32
    progress: Tensor  # [step], the share of the training that is done after each, float64
    input_dim: int
    train_size: int
    device: torch.device

    @property
    def lead(self) -> Job:
        """Any member, for what all of them share."""
        return self.jobs[0]

    @property
    def length(self) -> Length:
        """Steps of the training and of one epoch."""
        return self.lead.train.length(self.train_size)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.length.steps

    @property
    def epochs(self) -> int:
        """Passes over the training data; the last may be cut short."""
        return self.length.epochs

    @cached_property
    def precision(self) -> Resolved:
        """In which the networks compute in training; they are measured in float32."""
        return precision.resolved(self.lead.train.precision, self.device)

    @property
    def batch_size(self) -> int:
        """Data per step."""
        return self.lead.train.batch_size

    def multiplications(self, data: int) -> int:
        """Of numbers in one pass of `data` through all networks, where that is known of a network; else many."""
        if not self.one.vae.dense:
            return LARGE
        return data * sum(each.numel() for each in self.one.parameters())

    def training_products(self) -> AbstractContextManager[None]:
        """Where float32 products of training are as fast as can be; factors are rounded where that was asked for."""
        many = self.multiplications(self.batch_size)
        return float32_products(self.device, multiplications=many, tf32=self.precision == "tf32")

    def steps_of(self, epoch: int) -> slice:
        """The steps of `epoch`, counted from 0; `train.steps` may end the last one early."""
        first = epoch * self.length.steps_per_epoch
        return slice(first, min(first + self.length.steps_per_epoch, self.steps))

    def forward(self, x: Tensor, noise: Tensor) -> Output:
        """`Pass` for every member: inputs and outputs [member, batch, ...]; of an only member without that axis."""
        if len(self.jobs) == 1 or self.one.vae.member_axis:
            output: Output = self.one(x, noise)
            return output

        def of_one(own: dict[str, Tensor], x: Tensor, noise: Tensor) -> Output:
            output: Output = functional_call(self.one, own, (x, noise))
            return output

        outputs: Output = vmap(of_one)({**self.parameters}, x, noise)
        return outputs

    def of_every(
        self, of_one: Callable[..., Found], x: Tensor, noise: Tensor, *more: Any, using: Resolved = "fp32"
    ) -> Found:
        """`of_one(x, output, *more)` for every member, `output` being what its network makes of `x` and `noise`.

        Tensors, in tuples and mappings too, have a leading member axis outside and none in `of_one`. An only member
        goes without `vmap`, which costs more than the arithmetic of a small model.
        """

        def outputs(x: Tensor, noise: Tensor) -> Output:
            with precision.autocast(using, self.device):
                rounded = self.forward(x, noise)
            return Output(*(each.float() for each in rounded))

        if len(self.jobs) > 1:
            found: Found = vmap(of_one)(x, outputs(x, noise), *more)
            return found
        x, noise, *rest = only((x, noise, *more))
        return alone(of_one(x, outputs(x, noise), *rest))

    def gradients(self, loss: Tensor) -> list[Tensor | None]:
        """Of each member's `loss` [member] as its script writes it, by each of the stacked parameters, laid out alike.

        Members share no parameter, so each has its own. None where the loss does not depend on a parameter, and
        where that is not to be trained.
        """
        trained = [leaf for leaf in self._leaves if leaf.requires_grad]
        found = iter(torch.autograd.grad(loss.dot(self.recon_scale), trained, allow_unused=True))
        by_leaf = [next(found) if leaf.requires_grad else None for leaf in self._leaves]
        return [
            None if gradient is None else gradient.contiguous().view_as(parameter)
            for gradient, parameter in zip(by_leaf, self.parameters.values(), strict=True)
        ]

    @cached_property
    def _leaves(self) -> tuple[nn.Parameter, ...]:
        """What losses are made of: the stacked parameters, and in their place those of an only member's network."""
        own = dict(self.one.vae.named_parameters(prefix="vae")) if len(self.jobs) == 1 else {}
        return tuple(own.get(name, parameter) for name, parameter in self.parameters.items())

    def terms(self, x: Tensor, output: Output, own: Own) -> Terms:
        """The terms of one model's batch."""
        likelihood = self.lead.likelihood
        error = (
            (x - likelihood.mean(output.params)).square().flatten(1).sum(1) if self.watches_error else None
        )
        rates = posterior.rate_per_latent(output.mean, output.logvar)
        return Terms(
            distortion=-likelihood.log_prob(x, output.params, own),
            rate=rates.sum(1),
            rate_per_latent=rates,
            mean=output.mean,
            logvar=output.logvar,
            z=output.z,
            squared_error=error,
        )

    @property
    def watches_error(self) -> bool:
        """Whether the objective needs the squared error."""
        return self.lead.objective.watches_error

    def losses(self, members: Members, x: Tensor, noise: Tensor, weight: Tensor) -> Losses:
        """Batch means of every member; `weight` [member] is the effective beta of the step."""
        likelihood, objective = self.lead.likelihood, self.lead.objective

        def of_one(x: Tensor, output: Output, own: Own, memory: Memory, weight: Tensor) -> Losses:
            own = likelihood.own_on(x, output.params, likelihood.own_of(own, {}) if own else {})
            terms = self.terms(x, output, own)
            watched = {}
            if terms.squared_error is not None:
                watched["squared_error"] = terms.squared_error.mean()
            if likelihood.scale == "optimal":
                watched["spread"] = likelihood.spread(x, output.params)
            return Losses(
                loss=objective.loss(terms, weight, memory),
                distortion=terms.distortion.mean(),
                rate=terms.rate.mean(),
                watched=watched,
            )

        return self.of_every(of_one, x, noise, members.own, members.objective, weight, using=self.precision)

    def remember(self, members: Members, seen: Losses, weight: Tensor, progress: Tensor) -> None:
        """Take a step's batch means into the memories of objective and likelihood, where they lie.

        `progress` [] is the share of the training that is done.
        """
        if not members.objective and not members.likelihood:
            return
        error, spread = seen.watched.get("squared_error"), seen.watched.get("spread")
        with torch.no_grad():
            means = Seen(seen.distortion, seen.rate, error, self.input_dim, progress)
            _put(members.objective, self.lead.objective.next(members.objective, means, weight))
            if spread is not None:
                _put(members.likelihood, self.lead.likelihood.next(members.likelihood, spread))


def _put(memory: Memory, after: Memory) -> None:
    for name, value in after.items():
        memory[name].copy_(value)
