"""Under bfloat16 autocast the networks may round; nats are computed from what they give as exactly as in float32."""

import pytest
import torch
from torch import Tensor

from klsweep.part import members
from klsweep.vae import posterior
from klsweep.vae.likelihoods import Gaussian, Laplace, Likelihood, Tokens
from klsweep.vae.likelihoods.likelihood import Own
from klsweep.vae.models import Mlp

EPS32, EPS16 = torch.finfo(torch.float32).eps, torch.finfo(torch.bfloat16).eps
SHAPE, BATCH = (1, 8, 8), 5
ROUNDINGS = 16  # float32 operations on the way of one value into the sum, at most

LIKELIHOODS: list[Likelihood] = [
    *(part() for kind, part in members(Likelihood).items() if kind != "tokens"),  # type: ignore[misc]
    *(Gaussian(variance=scale) for scale in ("learned", "learned_per_dim", "optimal")),
    Laplace(b="learned"),
]
BY_LABEL = pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=[each.label for each in LIKELIHOODS])


def data() -> Tensor:
    return torch.rand(BATCH, *SHAPE, generator=torch.Generator().manual_seed(0))


def given(likelihood: Likelihood) -> Tensor:
    """Parameters as a network gives them under autocast."""
    each = () if likelihood.params_per_value == 1 else (likelihood.params_per_value,)
    values = torch.randn(BATCH, *SHAPE, *each, generator=torch.Generator().manual_seed(1))
    return values.to(torch.bfloat16)


def own(likelihood: Likelihood, dtype: torch.dtype) -> Own:
    shape = SHAPE if likelihood.scale == "learned_per_dim" else ()
    scale = torch.full(shape, 0.3, dtype=torch.bfloat16).to(
        dtype
    )  # not a round number, the same in every dtype
    return {"log_scale": scale} if isinstance(likelihood.scale, str) else {}


def every_value(likelihood: Likelihood, x: Tensor, params: Tensor, own: Own) -> dict[str, Tensor]:
    found = {"log_prob": likelihood.log_prob(x, params, own), "mean": likelihood.mean(params)}
    entropy = likelihood.cross_entropy(x, params)
    if entropy is not None:
        found["cross_entropy"] = entropy
    if likelihood.scale is not None:
        found["spread"] = likelihood.spread(x, params)
    return found


@BY_LABEL
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_nats_of_half_precision_parameters_are_those_of_the_same_numbers_in_float32(
    likelihood: Likelihood, half: torch.dtype
) -> None:
    x, params = data(), given(likelihood).to(half)
    with torch.autocast("cpu", half):
        found = every_value(likelihood, x, params, own(likelihood, half))
    expected = every_value(likelihood, x, params.float(), own(likelihood, torch.float32))
    for name, value in found.items():
        assert value.dtype == torch.float32
        # the same operations on the same numbers: no bit may differ
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0, msg=f"{likelihood.label} {name}")


def test_nats_of_tokens_are_those_of_the_same_logits_in_float32() -> None:
    likelihood = Tokens(vocabulary=9)
    x = torch.tensor([[3.0, 8.0, 2.0, 0.0], [4.0, 2.0, 0.0, 0.0]])
    logits = torch.randn(*x.shape, 7, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        found = likelihood.log_prob(x, logits)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, likelihood.log_prob(x, logits.float()), rtol=0, atol=0)


@BY_LABEL
def test_they_are_within_float32_of_exact(likelihood: Likelihood) -> None:
    x, params = data(), given(likelihood)
    with torch.autocast("cpu", torch.bfloat16):
        found = likelihood.log_prob(x, params, own(likelihood, torch.bfloat16))
    exact = params.double().requires_grad_()
    expected = likelihood.log_prob(x.double(), exact, own(likelihood, torch.float64))
    (slope,) = torch.autograd.grad(expected.sum(), exact)
    # Each value passes through few operations, which err by EPS32 of their result: of a term of the sum, of a term of
    # the normaliser, both below the largest |log p| of one value, or of an argument, which counts by its slope.
    one = [(1, *x.shape[1:]), (-1, 1, *params.shape[4:])]
    terms = likelihood.log_prob(
        x.double().reshape(-1, 1), params.double().reshape(one[1]), _spread_out(likelihood)
    ).abs()
    terms = (1 + terms).reshape(BATCH, -1).sum(1)
    arguments = (slope.abs() * (1 + params.double().abs())).flatten(1).sum(1)
    bound = ROUNDINGS * EPS32 * (terms + arguments)
    assert ((found.double() - expected).abs() <= bound).all()
    # and the bound is one that bfloat16 would not keep: a single rounding of the sum breaks it
    assert (bound < EPS16 * expected.abs() / 4).all()


def _spread_out(likelihood: Likelihood) -> Own:
    """Every dimension as a datum of its own, with the scale that all share here."""
    log_scale = torch.tensor(0.3, dtype=torch.bfloat16).double()
    return {"log_scale": log_scale} if isinstance(likelihood.scale, str) else {}


@BY_LABEL
def test_their_gradient_reaches_the_network_in_its_own_precision(likelihood: Likelihood) -> None:
    x, params = data(), given(likelihood).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        likelihood.log_prob(x, params, own(likelihood, torch.bfloat16)).sum().backward()
    exact = params.detach().float().requires_grad_()
    likelihood.log_prob(x, exact, own(likelihood, torch.float32)).sum().backward()
    assert params.grad is not None
    assert params.grad.dtype == torch.bfloat16
    assert torch.equal(params.grad, exact.grad.to(torch.bfloat16)), "rounded once, at the end"


def test_float64_stays_float64_and_float32_float32() -> None:
    likelihood = Gaussian()
    for dtype in (torch.float32, torch.float64):
        assert likelihood.log_prob(data().to(dtype), data().to(dtype)).dtype == dtype
        assert posterior.rate_per_latent(data().to(dtype), data().to(dtype)).dtype == dtype


@pytest.mark.parametrize("near", [1.0, 1e-2, 1e-4])
def test_the_rate_of_a_half_precision_posterior_is_exact_also_near_the_prior(near: float) -> None:
    random = torch.Generator().manual_seed(2)
    mean, logvar = (near * torch.randn(2, 40, 7, generator=random)).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        found = posterior.rate_per_latent(mean, logvar)
    exact_mean, exact_logvar = mean.double(), logvar.double()
    expected = 0.5 * (exact_mean.square() + exact_logvar.expm1() - exact_logvar)
    assert found.dtype == torch.float32
    # expm1 and logvar each err by EPS32 |logvar|; the square, the two sums and the half by EPS32 of what they give
    bound = EPS32 * (2 * exact_logvar.abs() + 2 * exact_mean.square() + 2 * expected)
    assert ((found.double() - expected).abs() <= bound).all()
    assert (found >= 0).all()


def test_a_sample_of_a_half_precision_posterior_keeps_the_digits_of_its_noise() -> None:
    random = torch.Generator().manual_seed(3)
    mean, logvar = torch.randn(2, 40, 7, generator=random).to(torch.bfloat16)
    noise = torch.randn(40, 7, generator=random)
    with torch.autocast("cpu", torch.bfloat16):
        z = posterior.sample(mean, logvar, noise)
    assert torch.equal(z, posterior.sample(mean.float(), logvar.float(), noise))
    assert z.dtype == torch.float32


@BY_LABEL
def test_a_network_under_autocast_gives_nats_in_float32(likelihood: Likelihood) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        vae = Mlp(hidden=(16,)).build(SHAPE, 3, likelihood.params_per_value)
    x, noise = data(), torch.randn(BATCH, 3, generator=torch.Generator().manual_seed(4))
    with torch.autocast("cpu", torch.bfloat16):
        mean, logvar = vae.encode(x)
        params = vae.decode(posterior.sample(mean, logvar, noise))
        distortion = -likelihood.log_prob(x, params, own(likelihood, torch.float32))
        rate = posterior.rate_per_latent(mean, logvar).sum(1)
        (distortion + rate).mean().backward()
    assert params.dtype == torch.bfloat16, "the network did compute in half precision"
    assert distortion.dtype == rate.dtype == torch.float32
    assert torch.equal(distortion, -likelihood.log_prob(x, params.float(), own(likelihood, torch.float32)))
    assert all(each.grad is None or each.grad.isfinite().all() for each in vae.parameters())
