"""A small VAE of one's own: residual layers, with batch norm, on flattened data."""

import math

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, width] -> [batch, width]."""
        return x + self.inner(x)


class ResidualVae(nn.Module):
    """`depth` residual layers of `width` on either side of the code."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        latent_dim: int,
        params_per_value: int,
        *,
        width: int = 64,
        depth: int = 2,
    ) -> None:
        super().__init__()
        values = math.prod(input_shape)
        self.output_shape = input_shape if params_per_value == 1 else (*input_shape, params_per_value)
        self.encoder = nn.Sequential(
            nn.Flatten(),
            nn.Linear(values, width),
            *(Residual(width) for _ in range(depth)),
            nn.Linear(width, 2 * latent_dim),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, width),
            *(Residual(width) for _ in range(depth)),
            nn.Linear(width, values * params_per_value),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logvar of q(z|x), [batch, latent_dim] each."""
        mean, logvar = self.encoder(x).chunk(2, dim=-1)
        return mean, logvar

    def decode(self, z: Tensor) -> Tensor:
        """What the likelihood wants, [batch, *input_shape (, params_per_value)]."""
        params: Tensor = torch.unflatten(self.decoder(z), -1, self.output_shape)
        return params
