"""A network of one's own, as a spec may name it: one affine map each way."""

import math

import torch
from torch import Tensor, nn


class OwnNetwork(nn.Module):
    def __init__(self, input_shape: tuple[int, ...], latent_dim: int, params_per_value: int) -> None:
        super().__init__()
        each = () if params_per_value == 1 else (params_per_value,)
        self.shape = (*input_shape, *each)
        self.encoder = nn.Linear(math.prod(input_shape), 2 * latent_dim)
        self.decoder = nn.Linear(latent_dim, math.prod(self.shape))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.encoder(x.flatten(1)).chunk(2, dim=1)
        return mean, logvar

    def decode(self, z: Tensor) -> Tensor:
        return torch.unflatten(self.decoder(z), 1, self.shape)
