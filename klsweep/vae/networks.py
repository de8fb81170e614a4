"""The networks behind the settings of `models`: an encoder to (mean, logvar) and a decoder to parameters.

Fully connected networks are made of `Dense`, which takes parameters and inputs with or without a leading member
axis; so a whole fleet of them runs as batched matrix products. Any other network is written for one model.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from klsweep.vae.models import Activation, Shape

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class Vae(nn.Module, ABC):
    """What `train` needs of a network. Shapes are those of one model; see `member_axis` for fleets."""

    member_axis = False
    """Parameters, inputs and outputs may carry a leading member axis."""

    dense = False
    """A pass multiplies each parameter once for each datum, as matrix products do and convolutions do not."""

    @abstractmethod
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [batch, *input_shape] -> posterior mean and logvar, each [batch, latent]."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """z [batch, latent] -> likelihood parameters [batch, *input_shape (, params_per_value)]."""

    def decode_given(self, z: Tensor, x: Tensor) -> Tensor:  # noqa: ARG002
        """The parameters of p(x|z) at x [batch, *input_shape]: `decode`, unless a value depends on those before it."""
        return self.decode(z)


class Dense(nn.Module):
    """Affine map x @ weight + bias; weight [in, out] for one model or [member, in, out] for a fleet.

    Initial values are uniform in +-1/sqrt(in), as torch's own linear layer.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, in] -> [batch, out], or both with a leading member axis."""
        if self.weight.dim() == 2:
            return self.bias.addmm(x, self.weight)
        return torch.bmm(x, self.weight).add_(self.bias.unsqueeze(1))  # baddbmm would copy the bias out first


class LinearVae(Vae):
    """mean = V x + c, one free logvar per latent, parameters = W z + b."""

    member_axis = True
    dense = True

    def __init__(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> None:
        super().__init__()
        self.output_shape = _output_shape(input_shape, params_per_value)
        self.input_axes = len(input_shape)
        self.encoder = Dense(math.prod(input_shape), latent_dim)
        self.logvar = nn.Parameter(torch.zeros(latent_dim))
        self.decoder = Dense(latent_dim, math.prod(self.output_shape))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Vae.encode`."""
        mean = self.encoder(x.flatten(-self.input_axes))
        return mean, self.logvar.unsqueeze(-2).expand_as(mean)

    def decode(self, z: Tensor) -> Tensor:
        """See `Vae.decode`."""
        params: Tensor = self.decoder(z)
        return torch.unflatten(params, -1, self.output_shape)


class MlpVae(Vae):
    """Fully connected, mirrored; one head for mean and logvar."""

    member_axis = True
    dense = True

    def __init__(
        self,
        input_shape: Shape,
        latent_dim: int,
        params_per_value: int,
        *,
        hidden: Sequence[int],
        activation: Activation,
    ) -> None:
        super().__init__()
        self.output_shape = _output_shape(input_shape, params_per_value)
        self.input_axes = len(input_shape)
        self.encoder = _dense_stack([math.prod(input_shape), *hidden, 2 * latent_dim], activation)
        self.decoder = _dense_stack([latent_dim, *reversed(hidden), math.prod(self.output_shape)], activation)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Vae.encode`."""
        mean, logvar = self.encoder(x.flatten(-self.input_axes)).chunk(2, dim=-1)
        return mean, logvar

    def decode(self, z: Tensor) -> Tensor:
        """See `Vae.decode`."""
        params: Tensor = self.decoder(z)
        return torch.unflatten(params, -1, self.output_shape)


class ConvVae(Vae):
    """Halving convolutions and a dense layer to the latents; the mirror back."""

    def __init__(
        self,
        input_shape: Shape,
        latent_dim: int,
        params_per_value: int,
        *,
        channels: Sequence[int],
        hidden: int,
        activation: Activation,
    ) -> None:
        super().__init__()
        self.params_per_value = params_per_value
        factor = 2 ** len(channels)
        inner = (channels[-1], input_shape[1] // factor, input_shape[2] // factor)
        act = ACTIVATIONS[activation]

        down = [
            layer
            for wide, narrow in pairwise([input_shape[0], *channels])
            for layer in (nn.Conv2d(wide, narrow, 4, stride=2, padding=1), act())
        ]
        self.encoder = nn.Sequential(
            *down, nn.Flatten(), nn.Linear(math.prod(inner), hidden), act(), nn.Linear(hidden, 2 * latent_dim)
        )
        up = [
            layer
            for narrow, wide in pairwise([*reversed(channels), input_shape[0] * params_per_value])
            for layer in (act(), nn.ConvTranspose2d(narrow, wide, 4, stride=2, padding=1))
        ]
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden),
            act(),
            nn.Linear(hidden, math.prod(inner)),
            nn.Unflatten(-1, inner),
            *up,
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Vae.encode`."""
        mean, logvar = self.encoder(x).chunk(2, dim=-1)
        return mean, logvar

    def decode(self, z: Tensor) -> Tensor:
        """See `Vae.decode`."""
        params: Tensor = self.decoder(z)
        if self.params_per_value == 1:
            return params
        return torch.unflatten(params, 1, (-1, self.params_per_value)).movedim(2, -1)


def _output_shape(input_shape: Shape, params_per_value: int) -> Shape:
    return input_shape if params_per_value == 1 else (*input_shape, params_per_value)


def _dense_stack(widths: Sequence[int], activation: Activation) -> nn.Sequential:
    """Dense layers through `widths` with the activation between them."""
    act = ACTIVATIONS[activation]
    layers = [layer for pair in pairwise(widths) for layer in (Dense(*pair), act())]
    return nn.Sequential(*layers[:-1])
