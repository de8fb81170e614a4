"""Decoding many codes in bounded memory."""

from typing import TYPE_CHECKING

from klsweep.metrics.evidence import CHUNK, Generative

if TYPE_CHECKING:
    from torch import Tensor


def expected(model: Generative, z: "Tensor") -> "Tensor":
    """E[x|z] of codes [n, latent], `CHUNK` at once: [n, *input_shape]."""
    import torch

    return torch.cat([model.expected(codes) for codes in torch.split(z, CHUNK)])
