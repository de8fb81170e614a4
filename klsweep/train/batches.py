"""The batches of one epoch, drawn from the streams of each seed and handed to every member of that seed."""

from collections.abc import Iterator

import torch
from torch import Tensor

from klsweep.train import streams
from klsweep.train.fleet import Fleet

WINDOW = 16
"""Batches of data next to each other in the order of an epoch that are sorted by length: enough that little padding is
left, and of a large data set a small part, so that the batches are others in every epoch."""


def epoch_batches(
    fleet: Fleet, train: Tensor, epoch: int, *, dynamic: bool, lengths: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """(x [seed, batch, *input_shape], noise [seed, batch, latent]) of `epoch`, counted from 0.

    Every datum of `train` [n, *input_shape] comes once; the last batch may be smaller. With `dynamic`, the data
    are probabilities and each x is drawn from them. With `lengths` [n], those of a batch are alike.
    """
    size = len(train)
    order = torch.stack([_order(seed, epoch, size, (fleet.batch_size, lengths)) for seed in fleet.seeds])
    order = order.to(fleet.device)
    noise = noise_for(fleet, size, "noise", epoch)
    coins = [streams.generator(seed, "binarize", epoch) for seed in fleet.seeds]
    parts = (torch.split(each, fleet.batch_size, dim=1) for each in (order, noise))
    for rows, its_noise in zip(*parts, strict=True):
        x = _taken(train, rows)
        yield _tossed(x, coins) if dynamic else x, its_noise


def of_members(fleet: Fleet, of_seeds: Tensor) -> Tensor:
    """[member, ...] of what each seed has, [seed, ...]; of a single seed all members share one copy."""
    if len(fleet.jobs) == 1:
        return of_seeds
    if len(fleet.seeds) == 1:
        return of_seeds.expand(len(fleet.jobs), *of_seeds.shape[1:])
    return of_seeds[fleet.member_seed]


def _order(seed: int, epoch: int, size: int, batched: tuple[int, Tensor | None]) -> Tensor:
    """The data of an epoch, shuffled; with lengths in batches of like lengths, themselves shuffled. [size]."""
    generator = streams.generator(seed, "order", epoch)
    order = torch.randperm(size, generator=generator)
    batch_size, lengths = batched
    if lengths is None:
        return order
    windows = torch.split(order, WINDOW * batch_size)
    order = torch.cat([window[lengths[window].argsort(stable=True)] for window in windows])
    whole = order[: size - size % batch_size].view(-1, batch_size)
    shuffled = whole[torch.randperm(len(whole), generator=generator)]
    return torch.cat([shuffled.flatten(), order[whole.numel() :]])


def _taken(train: Tensor, order: Tensor) -> Tensor:
    """train[order] [seed, batch, *input_shape], by `index_select`, which copies a datum at once and not by numbers."""
    return train.index_select(0, order.flatten()).view(*order.shape, *train.shape[1:])


def noise_for(fleet: Fleet, size: int, purpose: streams.Purpose, epoch: int = 0) -> Tensor:
    """Standard normal noise [seed, size, latent] on the fleet's device."""
    shape = (size, fleet.lead.latent_dim)
    drawn = [torch.randn(shape, generator=streams.generator(seed, purpose, epoch)) for seed in fleet.seeds]
    return torch.stack(drawn).to(fleet.device)


def _tossed(probabilities: Tensor, coins: list[torch.Generator]) -> Tensor:
    """x ~ Bernoulli(probabilities) [seed, batch, *input_shape], each seed by its own generator."""
    shape = probabilities.shape[1:]
    uniform = torch.stack([torch.rand(shape, generator=coin) for coin in coins])
    if probabilities.is_cuda:  # from pinned memory the copy goes on beside the steps
        uniform = uniform.pin_memory().to(probabilities.device, non_blocking=True)
    return (uniform < probabilities).to(probabilities.dtype)
