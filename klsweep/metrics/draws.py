"""What a costly metric draws: as many data and prior codes as its settings say, by the job's seed."""

from typing import TYPE_CHECKING

from klsweep.metrics.evidence import Evidence

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def rows(n: int, size: int, generator: "torch.Generator") -> "Tensor":
    """`size` different rows of n in rising order, or all where there are no more: [min(size, n)] on the CPU."""
    import torch

    if size >= n:
        return torch.arange(n)
    return torch.randperm(n, generator=generator)[:size].sort().values


def prior(evidence: Evidence, n: int, purpose: str) -> "Tensor":
    """n codes of p(z) = N(0, I), [n, latent]: the same for all jobs of one seed and number of latents."""
    import torch

    z = torch.randn(n, evidence.latent_dim, generator=evidence.generator(purpose))
    return z.to(evidence.held_out.mean.device)
