"""A fleet put together from its jobs, as it is before the first step."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import stack_module_state

from klsweep.spec.job import Job
from klsweep.train import streams
from klsweep.train.fleet import Fleet, Members, Parameters, Pass
from klsweep.vae.models import Shape
from klsweep.vae.objectives import Memory
from klsweep.vae.schedules import Length
from klsweep.vae.weights import Weighting

SHARED = ("dataset", "model", "latent_dim", "likelihood", "objective", "train")
"""Fields of a job that are the same for all members of a fleet."""


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
    one = networks[lead.seed].to(device)
    trained = {
        name: own.requires_grad for name, own in one.named_parameters()
    }  # a script may have frozen some
    parameters = {
        name: nn.Parameter(value.detach().to(device), trained[name]) for name, value in stacked.items()
    }
    if len(jobs) == 1:
        _share(one, parameters)
    elif one.vae.member_axis:
        _hold(one, parameters)

    weightings = tuple(job.weighting(math.prod(input_shape)) for job in jobs)
    length = lead.train.length(train_size)
    fleet = Fleet(
        jobs=tuple(jobs),
        parameters=parameters,
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


def _share(module: nn.Module, stacked: Parameters) -> None:
    """Put the module's own parameters into the memory of the stacked ones, whose only member they are."""
    for name, own in module.named_parameters():
        own.data = stacked[name].data[0]


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
