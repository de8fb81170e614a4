"""A fleet: what its members share, their stacked parameters, and the forward pass of all of them at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from klsweep.spec.job import Job
from klsweep.train import streams
from klsweep.vae import posterior
from klsweep.vae.models import Shape
from klsweep.vae.networks import Vae
from klsweep.vae.objectives import Terms
from klsweep.vae.schedules import Length
from klsweep.vae.weights import Weighting

SHARED = ("dataset", "model", "latent_dim", "likelihood", "objective", "train")
"""Fields of a job that are the same for all members of a fleet."""

Parameters = dict[str, Tensor]
"""Stacked parameters [member, ...] by name."""


class Pass(nn.Module):
    """Encode, sample, decode: (mean, logvar, likelihood parameters)."""

    def __init__(self, vae: Vae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`x` [batch, *input_shape] and standard normal `noise` [batch, latent] of one model."""
        mean, logvar = self.vae.encode(x)
        return mean, logvar, self.vae.decode(posterior.sample(mean, logvar, noise))


@dataclass(frozen=True)
class Fleet:
    """Jobs that differ only in weight, schedule, reduction and seed, ready to train on `device`."""

    jobs: tuple[Job, ...]
    one: Pass
    seeds: tuple[int, ...]
    member_seed: Tensor  # [member] index into seeds
    weightings: tuple[Weighting, ...]
    recon_scale: Tensor  # [member], the a of each reduction
    progress_weights: Tensor  # [step, member] effective beta * s(t), float32
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
    def batch_size(self) -> int:
        """Data per step."""
        return self.lead.train.batch_size

    def steps_of(self, epoch: int) -> slice:
        """The steps of `epoch`, counted from 0; `train.steps` may end the last one early."""
        first = epoch * self.length.steps_per_epoch
        return slice(first, min(first + self.length.steps_per_epoch, self.steps))

    def forward(self, parameters: Parameters, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`Pass` for every member: inputs and outputs [member, batch, ...]."""
        if self.one.vae.member_axis:
            outputs: tuple[Tensor, Tensor, Tensor] = functional_call(self.one, parameters, (x, noise))
            return outputs
        stacked: tuple[Tensor, Tensor, Tensor] = vmap(
            lambda own, x, noise: functional_call(self.one, own, (x, noise))
        )(parameters, x, noise)
        return stacked

    def losses(self, parameters: Parameters, x: Tensor, noise: Tensor, weight: Tensor) -> Tensor:
        """Loss as the script writes it, distortion and rate, batch means: [3, member]; `weight` [member]."""
        likelihood, objective = self.lead.likelihood, self.lead.objective

        def of_one(x: Tensor, mean: Tensor, logvar: Tensor, params: Tensor, weight: Tensor) -> Tensor:
            terms = Terms(-likelihood.log_prob(x, params), posterior.rate_per_latent(mean, logvar))
            loss = objective.loss(terms, weight)
            return torch.stack([loss.mean(), terms.distortion.mean(), terms.rate_per_latent.sum(1).mean()])

        measured: Tensor = vmap(of_one, out_dims=1)(x, *self.forward(parameters, x, noise), weight)
        return torch.cat([self.recon_scale * measured[:1], measured[1:]])


def assemble(
    jobs: Sequence[Job], input_shape: Shape, *, train_size: int, device: torch.device
) -> tuple[Fleet, Parameters]:
    """The fleet of `jobs` and its initial parameters, equal for members of one seed."""
    lead = jobs[0]
    assert all(job.identity[name] == lead.identity[name] for job in jobs for name in SHARED)
    seeds = tuple(dict.fromkeys(job.seed for job in jobs))
    shapes = (input_shape, lead.latent_dim, lead.likelihood.params_per_value)
    networks = {seed: Pass(streams.network(lead.model, seed, shapes)) for seed in seeds}
    stacked, _ = stack_module_state([networks[job.seed] for job in jobs])
    parameters = {name: value.detach().to(device).requires_grad_() for name, value in stacked.items()}

    weightings = tuple(job.weighting(math.prod(input_shape)) for job in jobs)
    fleet = Fleet(
        jobs=tuple(jobs),
        one=networks[lead.seed].to(device),
        seeds=seeds,
        member_seed=torch.tensor([seeds.index(job.seed) for job in jobs], device=device),
        weightings=weightings,
        recon_scale=torch.tensor([weighting.scales.recon for weighting in weightings], device=device),
        progress_weights=_progress_weights(jobs, weightings, lead.train.length(train_size)).to(device),
        input_dim=math.prod(input_shape),
        train_size=train_size,
        device=device,
    )
    return fleet, parameters


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
