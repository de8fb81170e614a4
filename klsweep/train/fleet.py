"""A fleet: what its members share, their stacked parameters, and the forward pass of all of them at once."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from klsweep.spec.job import Job
from klsweep.train import precision, streams
from klsweep.train.precision import Resolved
from klsweep.vae import posterior
from klsweep.vae.likelihoods.likelihood import Own
from klsweep.vae.models import Shape
from klsweep.vae.networks import Vae
from klsweep.vae.objectives import Memory, Seen, Terms
from klsweep.vae.products import float32_products
from klsweep.vae.schedules import Length
from klsweep.vae.weights import Weighting

SHARED = ("dataset", "model", "latent_dim", "likelihood", "objective", "train")
"""Fields of a job that are the same for all members of a fleet."""

Parameters = dict[str, nn.Parameter]
"""Stacked parameters [member, ...] by name."""

Found = TypeVar("Found")

OWN = "likelihood."  # before the names of the parameters that belong to the likelihood


class Losses(NamedTuple):
    """Batch means of a step, [member] each: the loss as the script writes it, and what was seen on the way."""

    loss: Tensor
    distortion: Tensor
    rate: Tensor
    squared_error: Tensor  # 0 where the objective does not watch it
    spread: Tensor  # the likeliest scale of the batch; 0 where the likelihood does not fit it so


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
    one: Pass  # of one model, or with the members' parameters in it where it takes all of them
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

    @property
    def precision(self) -> Resolved:
        """In which the networks compute in training; they are measured in float32."""
        return precision.resolved(self.lead.train.precision, self.device)

    @property
    def batch_size(self) -> int:
        """Data per step."""
        return self.lead.train.batch_size

    @property
    def multiplications(self) -> int:
        """Of numbers in one pass of a batch through all networks: one for each parameter and datum, and at least so."""
        models = 1 if self.one.vae.member_axis else len(self.jobs)
        return self.batch_size * models * sum(each.numel() for each in self.one.parameters())

    def products(self, *, training: bool) -> AbstractContextManager[None]:
        """Where float32 products are as fast as can be; only in training, and asked to, are factors rounded."""
        return float32_products(
            self.device,
            multiplications=self.multiplications,
            tf32=training and self.precision == "tf32",
        )

    def steps_of(self, epoch: int) -> slice:
        """The steps of `epoch`, counted from 0; `train.steps` may end the last one early."""
        first = epoch * self.length.steps_per_epoch
        return slice(first, min(first + self.length.steps_per_epoch, self.steps))

    def forward(self, parameters: Parameters, x: Tensor, noise: Tensor) -> Output:
        """`Pass` for every member: inputs and outputs [member, batch, ...]."""
        if self.one.vae.member_axis:
            outputs: Output = self.one(x, noise)
            return outputs
        if len(self.jobs) == 1:  # vmap of one model makes copies, and adds biases apart from their products
            own = {name: value.squeeze(0) for name, value in parameters.items()}
            return Output(*(each[None] for each in functional_call(self.one, own, (x[0], noise[0]))))
        stacked: Output = vmap(lambda each, x, noise: functional_call(self.one, each, (x, noise)))(
            parameters, x, noise
        )
        return stacked

    def each(self, of_one: Callable[..., Found]) -> Callable[..., Found]:
        """`of_one` of each member: what it is given and gives, tensors in tuples and mappings, has a member axis."""
        if len(self.jobs) > 1:
            return vmap(of_one)

        def of_the_only(*given: Any) -> Found:
            found: Found = _every_tensor(lambda each: each.unsqueeze(0), of_one(*_every_tensor(_only, given)))
            return found

        return of_the_only

    def terms(self, x: Tensor, output: Output, own: Own) -> Terms:
        """The terms of one model's batch."""
        likelihood = self.lead.likelihood
        error = (
            (x - likelihood.mean(output.params)).square().flatten(1).sum(1) if self.watches_error else None
        )
        return Terms(
            distortion=-likelihood.log_prob(x, output.params, own),
            rate_per_latent=posterior.rate_per_latent(output.mean, output.logvar),
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
            rate, zero = terms.rate_per_latent.sum(1).mean(), weight * 0
            return Losses(
                loss=objective.loss(terms, weight, memory),
                distortion=terms.distortion.mean(),
                rate=rate,
                squared_error=zero if terms.squared_error is None else terms.squared_error.mean(),
                spread=likelihood.spread(x, output.params) if likelihood.scale == "optimal" else zero,
            )

        with precision.autocast(self.precision, self.device):
            rounded = self.forward(members.parameters, x, noise)
        output = Output(*(each.float() for each in rounded))
        found: Losses = self.each(of_one)(x, output, members.own, members.objective, weight)
        return found._replace(loss=self.recon_scale * found.loss)

    @torch.no_grad()
    def remember(self, members: Members, seen: Losses, weight: Tensor, progress: Tensor) -> None:
        """Take a step's batch means into the memories of objective and likelihood, where they lie.

        `progress` [] is the share of the training that is done.
        """
        means = Seen(seen.distortion, seen.rate, seen.squared_error, self.input_dim, progress)
        for memory, after in (
            (members.objective, self.lead.objective.next(members.objective, means, weight)),
            (members.likelihood, self.lead.likelihood.next(members.likelihood, seen.spread)),
        ):
            for name, value in after.items():
                memory[name].copy_(value)


def assemble(
    jobs: Sequence[Job], input_shape: Shape, *, train_size: int, device: torch.device
) -> tuple[Fleet, Members]:
    """The fleet of `jobs` and its members as they start, equal for members of one seed."""
    lead = jobs[0]
    assert all(job.identity[name] == lead.identity[name] for job in jobs for name in SHARED)
    seeds = tuple(dict.fromkeys(job.seed for job in jobs))
    shapes = (input_shape, lead.latent_dim, lead.likelihood.params_per_value)
    own = lead.likelihood.parameters(input_shape)
    networks = {seed: Pass(streams.network(lead.model, seed, shapes), own) for seed in seeds}
    stacked, _ = stack_module_state([networks[job.seed] for job in jobs])
    parameters = {name: nn.Parameter(value.detach().to(device)) for name, value in stacked.items()}
    one = networks[lead.seed].to(device)
    if one.vae.member_axis:
        _hold(one, parameters)

    weightings = tuple(job.weighting(math.prod(input_shape)) for job in jobs)
    length = lead.train.length(train_size)
    fleet = Fleet(
        jobs=tuple(jobs),
        one=one,
        seeds=seeds,
        member_seed=torch.tensor([seeds.index(job.seed) for job in jobs], device=device),
        weightings=weightings,
        recon_scale=torch.tensor([weighting.scales.recon for weighting in weightings], device=device),
        progress_weights=_progress_weights(jobs, weightings, length).to(device),
        progress=torch.arange(1, length.steps + 1, dtype=torch.float64, device=device) / length.steps,
        input_dim=math.prod(input_shape),
        train_size=train_size,
        device=device,
    )
    return fleet, Members(
        parameters, _every(lead.objective.start(), fleet), _every(lead.likelihood.start(), fleet)
    )


def _only(of_members: Tensor) -> Tensor:
    """What is of the only member."""
    return of_members.squeeze(0)


def _every_tensor(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """`value` with each tensor in its tuples and mappings changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {name: change(each) for name, each in value.items()}
    changed = [_every_tensor(change, each) for each in value]
    return type(value)(*changed) if hasattr(value, "_fields") else changed


def _hold(module: nn.Module, stacked: Parameters) -> None:
    """Put the stacked parameters in the place of the module's own, shared ones in every place."""
    places = {id(own): stacked[name] for name, own in module.named_parameters()}
    for each in module.modules():
        for name, own in list(each.named_parameters(recurse=False, remove_duplicate=False)):
            setattr(each, name, places[id(own)])


def _every(start: Mapping[str, float], fleet: Fleet) -> Memory:
    """A memory for each member, all alike at the start."""
    return {name: torch.full((len(fleet.jobs),), value, device=fleet.device) for name, value in start.items()}


def _progress_weights(jobs: Sequence[Job], weightings: Sequence[Weighting], length: Length) -> Tensor:
    """Effective beta at every step, [step, member]; each distinct schedule is drawn once."""
    drawn = {
        schedule: torch.tensor(
            [schedule.at(step, length) for step in range(length.steps)], dtype=torch.float64
        )
        for schedule in {job.schedule for job in jobs}
    }
    columns = [drawn[job.schedule] * weighting.beta for job, weighting in zip(jobs, weightings, strict=True)]
    return torch.stack(columns, dim=1).to(torch.float32)
