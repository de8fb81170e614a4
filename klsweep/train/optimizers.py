"""The optimiser of a fleet: one fused step over stacked parameters, which acts on each element alone."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from klsweep.spec.job import Train

STEP = "step"
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam and AdamW, as torch has them

_ROUNDING = 1e-6  # torch's clip_grad_norm_ adds the same to the norm it divides by

Gradients = Sequence[Tensor | None]
"""One for each parameter, laid out as it is; None where the loss does not depend on it."""


class Optimizer:
    """The optimiser that `settings` ask for, over all members' parameters on `device`, by torch's own functions.

    torch's classes around them load its compiler at their first step, which takes a second. On a GPU the learning
    rate and the count of steps stay there, so that a step can be recorded.
    """

    def __init__(self, settings: Train, parameters: Iterable[Tensor], device: torch.device) -> None:
        self._settings, self._parameters = settings, list(parameters)
        there = device.type == "cuda"
        self.lr: float | Tensor = torch.tensor(settings.lr, device=device) if there else settings.lr
        self.remembered: list[dict[str, Tensor]] = [
            {
                name: torch.zeros((), device=device) if name == STEP else torch.zeros_like(parameter)
                for name in _remembered(settings)
            }
            for parameter in self._parameters
        ]
        """Of each parameter, by torch's names; it stays where it is."""

    def set_learning_rate(self, lr: float) -> None:
        """Use `lr` from the next step on."""
        if isinstance(self.lr, Tensor):
            self.lr.fill_(lr)
        else:
            self.lr = lr

    @torch.no_grad()
    def step(self, gradients: Gradients) -> None:
        """Change every parameter that has a gradient."""
        parameters: list[Tensor] = []
        given: list[Tensor] = []
        remembered: dict[str, list[Tensor]] = {name: [] for name in _remembered(self._settings)}
        for parameter, gradient, own in zip(self._parameters, gradients, self.remembered, strict=True):
            if gradient is not None:
                parameters.append(parameter)
                given.append(gradient)
                for name, value in own.items():
                    remembered[name].append(value)
        _take(self._settings, self.lr, parameters, given, remembered)


def _remembered(settings: Train) -> tuple[str, ...]:
    """The names of what the optimiser remembers of a parameter: as large as it is, but for the count of steps."""
    if settings.optimizer == "sgd":
        return ("momentum_buffer",) if settings.momentum else ()
    return ("exp_avg", "exp_avg_sq", STEP)


def _take(
    settings: Train,
    lr: float | Tensor,
    parameters: list[Tensor],
    gradients: list[Tensor],
    remembered: dict[str, list[Tensor]],
) -> None:
    if settings.optimizer == "sgd":
        sgd(
            parameters,
            gradients,
            [*remembered.get("momentum_buffer", [])],
            fused=True,
            weight_decay=settings.weight_decay,
            momentum=settings.momentum,
            lr=lr,  # type: ignore[arg-type]  # on a GPU a tensor, as torch's class gives it too
            dampening=0,
            nesterov=False,
            maximize=False,
        )
        return
    adam(
        parameters,
        gradients,
        remembered["exp_avg"],
        remembered["exp_avg_sq"],
        [],
        remembered[STEP],
        fused=True,
        capturable=isinstance(lr, Tensor),
        decoupled_weight_decay=settings.optimizer == "adamw",
        amsgrad=False,
        beta1=BETAS[0],
        beta2=BETAS[1],
        lr=lr,
        weight_decay=settings.weight_decay,
        eps=EPSILON,
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
