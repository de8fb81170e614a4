"""The optimiser of a fleet: one fused step over stacked parameters, which acts on each element alone."""

import math
from collections.abc import Iterable, Sequence
from itertools import compress

import torch
from torch import Tensor

from klsweep.spec.job import Train

STEP = "step"
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam and AdamW, as torch has them

_ROUNDING = 1e-6  # torch's clip_grad_norm_ adds the same to the norm it divides by

Gradients = Sequence[Tensor | None]
"""One for each parameter, laid out as it is; None where the loss does not depend on it."""


class Optimizer:
    """The optimiser that `settings` ask for, over all members' parameters on `device`, by torch's own kernels.

    torch's classes around them load its compiler at their first step, which takes a second, and its functions around
    them take longer than a small model's kernel. On a GPU the learning rate and the counts of steps stay there, so
    that a step can be recorded.
    """

    def __init__(self, settings: Train, parameters: Iterable[Tensor], device: torch.device) -> None:
        self._settings = settings
        there = device.type == "cuda"
        self.lr: float | Tensor = torch.tensor(settings.lr, device=device) if there else settings.lr
        changed = [parameter.detach() for parameter in parameters]
        self._counts = torch.zeros(len(changed), device=device)  # of steps, by parameter
        self.remembered = [
            _remembered(settings, parameter, count)
            for parameter, count in zip(changed, self._counts, strict=True)
        ]
        """Of each parameter, by torch's names; it stays where it is."""
        memories = zip(*(each.values() for each in self.remembered), strict=True)
        columns = [changed, *(list(memory) for memory in memories)]
        self._groups = [
            (places, [[column[place] for place in places] for column in columns])
            for places in _of_one_dtype(changed)
        ]

    def set_learning_rate(self, lr: float) -> None:
        """Use `lr` from the next step on."""
        if isinstance(self.lr, Tensor):
            self.lr.fill_(lr)
        else:
            self.lr = lr

    def step(self, gradients: Gradients) -> None:
        """Change every parameter that has a gradient."""
        present = [gradient is not None for gradient in gradients]
        if all(present):
            self._counts.add_(1)
        else:
            torch._foreach_add_([*compress(self._counts, present)], 1)
        take = _sgd if self._settings.optimizer == "sgd" else _adam
        for places, columns in self._groups:
            here = [present[place] for place in places]
            given = [gradient for place in places if (gradient := gradients[place]) is not None]
            if given:
                take(self._settings, self.lr, given, *([*compress(column, here)] for column in columns))


def _of_one_dtype(parameters: Sequence[Tensor]) -> list[list[int]]:
    """The places of the parameters of each precision: a GPU's kernel takes one at a time."""
    places: dict[torch.dtype, list[int]] = {}
    for place, parameter in enumerate(parameters):
        places.setdefault(parameter.dtype, []).append(place)
    return [*places.values()]


def _remembered(settings: Train, parameter: Tensor, count: Tensor) -> dict[str, Tensor]:
    """What is remembered of a parameter, by torch's names: as large as it is, but for the count of steps."""
    if settings.optimizer == "sgd":
        return {"momentum_buffer": torch.zeros_like(parameter)} if settings.momentum else {}
    return {"exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter), STEP: count}


def _sgd(
    settings: Train,
    lr: float | Tensor,
    gradients: list[Tensor],
    parameters: list[Tensor],
    momenta: list[Tensor] | None = None,
) -> None:
    torch._fused_sgd_(
        parameters,
        gradients,
        momenta or [],
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
        lr=lr,
        dampening=0.0,
        nesterov=False,
        maximize=False,
        is_first_step=False,
    )


def _adam(
    settings: Train,
    lr: float | Tensor,
    gradients: list[Tensor],
    parameters: list[Tensor],
    moments: list[Tensor],
    squares: list[Tensor],
    counts: list[Tensor],
) -> None:
    step = torch._fused_adamw_ if settings.optimizer == "adamw" else torch._fused_adam_
    step(
        parameters,
        gradients,
        moments,
        squares,
        [],
        counts,
        lr=lr,
        beta1=BETAS[0],
        beta2=BETAS[1],
        weight_decay=settings.weight_decay,
        eps=EPSILON,
        amsgrad=False,
        maximize=False,
    )


def learning_rate(settings: Train, progress: float) -> float:
    """The learning rate when the share `progress` in [0, 1) of the training is done.

    With cosine decay, lr * (1 + cos(pi * progress)) / 2 (Loshchilov & Hutter 2017, eq. 5, without restarts).
    """
    if settings.lr_decay == "none":
        return settings.lr
    return settings.lr * (1 + math.cos(math.pi * progress)) / 2


def clip_per_member(gradients: Gradients, largest: float) -> None:
    """Scale each member's gradient down to the norm `largest` where it is longer (Pascanu et al. 2013, alg. 1)."""
    stacked = [gradient for gradient in gradients if gradient is not None]
    squared = torch.stack([gradient.flatten(1).square().sum(1) for gradient in stacked]).sum(0)
    factor = (largest / (squared.sqrt() + _ROUNDING)).clamp(max=1.0)
    for gradient in stacked:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
