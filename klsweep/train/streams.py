"""Random numbers keyed by (seed, purpose, epoch or metric) and by nothing else.

Jobs of one seed share initial weights, batch order and noise whatever their weight, fleet, position in it or
device; so they are paired, and an epoch can be replayed without its predecessors.
"""

import hashlib
from typing import Literal

import torch

from klsweep.vae.models import Model, Shape
from klsweep.vae.networks import Vae

Purpose = Literal["order", "noise", "binarize", "valid noise", "test noise", "metric", "picture"]


def generator(seed: int, purpose: Purpose, epoch: int | str = 0) -> torch.Generator:
    """A CPU generator for this key; always on the CPU, so that every device sees the same numbers."""
    return torch.Generator().manual_seed(_key(f"{seed}/{purpose}/{epoch}"))


def network(model: Model, seed: int, shapes: tuple[Shape, int, int]) -> Vae:
    """The untrained network of `model`; `shapes` is (input_shape, latent_dim, params_per_value).

    Modules draw their initial values from torch's global CPU generator, which is put back as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_key(f"{seed}/weights/0"))  # torch.manual_seed reseeds GPUs too
        return model.build(*shapes)


def _key(text: str) -> int:
    """32 bits of SHA-256, all that torch's CPU generator takes; neighbouring seeds give unrelated streams."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
