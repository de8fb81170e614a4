"""One optimiser step of all members, in tensors that stay where they are."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from klsweep.train.batches import of_members
from klsweep.train.continuing import State
from klsweep.train.fleet import Fleet
from klsweep.train.optimizers import clip_per_member


class Inputs(NamedTuple):
    """What is another in each step."""

    x: Tensor  # [seed, batch, *input_shape]
    noise: Tensor  # [seed, batch, latent], standard normal
    weight: Tensor  # [member], the effective beta
    progress: Tensor  # [], the share of the training that is done after the step


class Step:
    """Changes the state in place, and adds up objective, distortion and rate of all data it sees.

    It asks the device for no number, so that a GPU need not wait for the host, and can be told to repeat it.
    """

    def __init__(self, fleet: Fleet, state: State) -> None:
        self.fleet, self.state = fleet, state
        self.sums = torch.zeros(3, len(fleet.jobs), dtype=torch.float64, device=fleet.device)

    def __call__(self, given: Inputs) -> None:
        """Take one step; the learning rate is the optimiser's."""
        fleet, members, optimizer = self.fleet, self.state.members, self.state.optimizer
        measured = fleet.losses(
            members, of_members(fleet, given.x), of_members(fleet, given.noise), given.weight
        )
        gradients = fleet.gradients(measured.loss)
        if (clip := fleet.lead.train.clip) is not None:
            clip_per_member(gradients, clip)
        optimizer.step(gradients)
        fleet.remember(members, measured, given.weight, given.progress)
        self.sums.add_(torch.stack(measured[:3]).detach(), alpha=given.x.shape[1])

    def means(self, data: int) -> NDArray[np.float64]:
        """Loss, distortion and rate [3, member] on average over the `data` since the last call; NaN once diverged.

        The loss is as the script writes it.
        """
        means = torch.where(self.state.sound(), self.sums / data, torch.nan)
        means[0] *= self.fleet.recon_scale
        self.sums.zero_()
        return means.cpu().numpy()

    def changed(self) -> list[Tensor]:
        """Every tensor that a step changes, all of them where they were."""
        members, remembered = self.state.members, self.state.optimizer.remembered
        return [
            *members.parameters.values(),
            *(value for each in remembered for value in each.values()),
            *members.objective.values(),
            *members.likelihood.values(),
            self.sums,
        ]
