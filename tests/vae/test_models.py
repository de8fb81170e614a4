"""Networks give the shapes they promise, dense layers are torch's, and members of a fleet do not meet."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from klsweep.vae.models import Conv, Linear, Mlp, Model, Shape
from klsweep.vae.networks import Dense, Vae

FLAT = [Linear(), Mlp(hidden=(16,)), Mlp(hidden=(16, 8), activation="tanh")]
CASES = [
    *[(model, shape) for model in FLAT for shape in [(5,), (1, 8, 8), (1, 28, 28)]],
    (Conv(channels=(4,), hidden=8), (1, 8, 8)),
    (Conv(channels=(4, 8), hidden=8), (1, 8, 8)),
    (Conv(channels=(4, 8), hidden=8), (1, 28, 28)),
    (Conv(channels=(4, 4, 8, 8), hidden=8), (3, 64, 64)),
    (Conv(channels=(4, 8), hidden=8, activation="gelu"), (2, 8, 12)),
]


def built(model: Model, shape: Shape, *, latent: int = 3, params: int = 1, seed: int = 0) -> Vae:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return model.build(shape, latent, params).double()


def data(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("params", [1, 2])
@pytest.mark.parametrize(("model", "shape"), CASES)
def test_a_network_gives_mean_logvar_and_parameters_of_the_promised_shapes(
    model: Model, shape: Shape, params: int
) -> None:
    assert model.misfit(shape, 3, params) == ""
    vae = built(model, shape, params=params)
    mean, logvar = vae.encode(data(4, *shape))
    assert mean.shape == logvar.shape == (4, 3)
    assert vae.decode(mean).shape == ((4, *shape) if params == 1 else (4, *shape, params))


@pytest.mark.parametrize(("model", "shape"), CASES)
def test_a_datum_is_coded_the_same_alone_and_in_a_batch(model: Model, shape: Shape) -> None:
    vae, x = built(model, shape), data(4, *shape)
    together = torch.cat(vae.encode(x), dim=1), vae.decode(vae.encode(x)[0])
    alone = [(torch.cat(vae.encode(one), dim=1), vae.decode(vae.encode(one)[0])) for one in x.split(1)]
    # float64, sums of up to 784 terms of size 1 in another order: 784 eps = 2e-13 a layer.
    for whole, parts in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(whole, torch.cat(parts), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("model", "shape"), CASES)
def test_every_parameter_of_a_network_is_used(model: Model, shape: Shape) -> None:
    vae = built(model, shape)
    mean, logvar = vae.encode(data(4, *shape))
    (vae.decode(mean).square().sum() + logvar.exp().sum()).backward()
    assert all(parameter.grad is not None for parameter in vae.parameters())


def test_a_second_parameter_of_a_convolution_belongs_to_its_own_pixel_and_channel() -> None:
    vae = built(Conv(channels=(4,), hidden=8), (3, 8, 8), params=2)
    last = vae.decoder[-1]
    assert isinstance(last, nn.ConvTranspose2d)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.arange(6.0))  # channel c, parameter p: 2 c + p
    params = vae.decode(data(1, 3))
    for channel in range(3):
        for which in range(2):
            assert (params[0, channel, :, :, which] == 2 * channel + which).all()


@pytest.mark.parametrize(
    ("model", "shape", "words"),
    [
        (Conv(), (784,), ["conv needs images", "[784]"]),
        (Conv(), (1, 30, 28), ["2 halvings", "divisible by 4", "30x28"]),
        (Conv(channels=(8, 8, 8)), (1, 28, 28), ["3 halvings", "divisible by 8", "28x28"]),
    ],
)
def test_a_convolution_says_why_it_cannot_take_data(model: Conv, shape: Shape, words: list[str]) -> None:
    assert [word for word in words if word not in model.misfit(shape, 3, 1)] == []


def test_a_dense_layer_is_torchs_linear_layer() -> None:
    ours, theirs = Dense(7, 4).double(), nn.Linear(7, 4).double()
    with torch.no_grad():
        ours.weight.copy_(theirs.weight.T)
        ours.bias.copy_(theirs.bias)
    x = data(5, 7)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-14, atol=1e-14)  # 8 terms, float64


def test_a_dense_layer_begins_as_torchs_linear_layer_does() -> None:
    weights = torch.cat([Dense(100, 500).weight.flatten(), nn.Linear(100, 500).weight.flatten()]).detach()
    bound, n = 0.1, 50_000  # uniform in +-1/sqrt(100)
    for values in weights.double().view(2, n):
        assert values.abs().max() <= bound
        # 4 standard errors: of a mean bound / sqrt(3 n), of a mean square bound^2 sqrt(4 / 45 n).
        assert values.mean().abs() <= 4 * bound / math.sqrt(3 * n)
        assert (values.square().mean() - bound**2 / 3).abs() <= 4 * bound**2 * math.sqrt(4 / 45 / n)


@pytest.mark.parametrize("params", [1, 2])
@pytest.mark.parametrize("model", FLAT)
def test_a_fleet_of_dense_networks_computes_what_its_members_compute_alone(model: Model, params: int) -> None:
    members = [built(model, (1, 8, 8), params=params, seed=seed) for seed in range(3)]
    stacked, _ = stack_module_state(members)
    x, z = data(3, 4, 1, 8, 8), data(3, 4, 3, seed=1)

    class Both(nn.Module):
        def __init__(self, vae: Vae) -> None:
            super().__init__()
            self.vae = vae

        def forward(self, x: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return *self.vae.encode(x), self.vae.decode(z)

    assert members[0].member_axis
    fleet = functional_call(
        Both(members[0]), {f"vae.{name}": value for name, value in stacked.items()}, (x, z)
    )
    for member, vae in enumerate(members):
        for together, alone in zip(fleet, Both(vae)(x[member], z[member]), strict=True):
            # float64, at most 64 terms a sum and three layers: 3 * 64 * eps = 4e-14.
            torch.testing.assert_close(together[member], alone, rtol=1e-13, atol=1e-13)


def test_a_network_without_a_member_axis_is_stacked_by_vmap() -> None:
    members = [built(Conv(channels=(4,), hidden=8), (1, 8, 8), seed=seed) for seed in range(3)]
    assert not members[0].member_axis
    stacked, _ = stack_module_state(members)
    z = data(3, 4, 3)
    decoders = {
        name.removeprefix("decoder."): v for name, v in stacked.items() if name.startswith("decoder.")
    }
    fleet = vmap(lambda own, z: functional_call(members[0].decoder, own, (z,)))(decoders, z)
    for member, vae in enumerate(members):
        torch.testing.assert_close(fleet[member], vae.decode(z[member]), rtol=1e-12, atol=1e-13)
