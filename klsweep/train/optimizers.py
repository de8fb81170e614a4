"""The optimiser of a fleet: one fused step over stacked parameters, which acts on each element alone."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from klsweep.spec.job import Train

_ROUNDING = 1e-6  # torch's clip_grad_norm_ adds the same to the norm it divides by


def optimizer(settings: Train, parameters: Iterable[Tensor], device: torch.device) -> Optimizer:
    """The optimiser that `settings` ask for, over all members' parameters on `device`.

    A GPU keeps the learning rate and the count of steps too, so that a step can be recorded.
    """
    there = device.type == "cuda"
    lr = torch.tensor(settings.lr, device=device) if there else settings.lr
    decay = settings.weight_decay
    if settings.optimizer == "sgd":
        return SGD(parameters, lr=lr, weight_decay=decay, momentum=settings.momentum, fused=True)
    kind: type[Adam] = AdamW if settings.optimizer == "adamw" else Adam
    made = kind(parameters, lr=lr, weight_decay=decay, fused=True, capturable=there)
    # some steps are taken as they are before one is recorded, which torch would warn of
    made._warned_capturable_if_run_uncaptured = True
    return made


def learning_rate(settings: Train, progress: float) -> float:
    """The learning rate when the share `progress` in [0, 1) of the training is done.

    With cosine decay, lr * (1 + cos(pi * progress)) / 2 (Loshchilov & Hutter 2017, eq. 5, without restarts).
    """
    if settings.lr_decay == "none":
        return settings.lr
    return settings.lr * (1 + math.cos(math.pi * progress)) / 2


def set_learning_rate(optimizer: Optimizer, lr: float) -> None:
    """Use `lr` from the next step on."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def clip_per_member(parameters: Iterable[Tensor], largest: float) -> None:
    """Scale each member's gradient down to the norm `largest` where it is longer (Pascanu et al. 2013, alg. 1)."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    squared = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients]).sum(0)
    factor = (largest / (squared.sqrt() + _ROUNDING)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
