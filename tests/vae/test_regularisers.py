"""Terms on the aggregated posterior vanish where it is the prior, and grow as theory says where it is not."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from klsweep.vae.objectives import BetaTc, Dip, Elbo, InfoMmd, Terms
from klsweep.vae.objectives.regularised import discrepancy, total_correlation

NOTHING: dict[str, torch.Tensor] = {}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def whitened(codes: torch.Tensor) -> torch.Tensor:
    """The same codes with sample mean 0 and sample covariance (1/n) exactly the identity."""
    u, _, vt = torch.linalg.svd(codes - codes.mean(0), full_matrices=False)
    whitened: torch.Tensor = math.sqrt(len(codes)) * u @ vt
    return whitened


def coded(mean: torch.Tensor, variance: float, *, seed: int = 9) -> Terms:
    """Posteriors N(mean, variance) of a batch and a sample of each; distortion and rates are made up."""
    logvar = torch.full_like(mean, math.log(variance))
    z = mean + math.sqrt(variance) * normal(*mean.shape, seed=seed)
    random = torch.Generator().manual_seed(1)
    distortion = torch.rand(len(mean), generator=random, dtype=torch.float64)
    rates = torch.rand(mean.shape, generator=random, dtype=torch.float64)
    return Terms(distortion, rates.sum(1), rates, mean, logvar, z, squared_error=None)


# Total correlation ---------------------------------------------------------------------------------------------------


def test_a_collapsed_code_has_no_total_correlation() -> None:
    """Every posterior is the prior, so is their mean, and it factorises to the last bit but rounding."""
    found = total_correlation(coded(torch.zeros(200, 5, dtype=torch.float64), 1.0))
    assert found.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_the_total_correlation_of_a_gaussian_code_is_that_of_its_covariance(correlation: float) -> None:
    """Means of covariance C - v I under posteriors of variance v make a code N(0, C): TC = -ln(1 - rho^2) / 2."""
    batch, v = 1000, 0.1
    covariance = torch.tensor([[1, correlation], [correlation, 1]], dtype=torch.float64)
    spread = torch.linalg.cholesky(covariance - v * torch.eye(2))
    found = total_correlation(coded(whitened(normal(batch, 2)) @ spread.T, v)).item()
    # A datum's own posterior is one of the 2000 in q(z) but counts more there: at most e^rate / batch, with
    # e^rate = 1 / v, in the joint density; and ln q varies by about 1 a datum, so 4 / sqrt(batch) by chance.
    slack = 1 / (v * batch) + 4 / math.sqrt(batch)
    assert found == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=slack)


def test_the_gradient_is_that_of_the_published_minibatch_weighted_estimate() -> None:
    """Chen et al. 2018: ln q(z) ~ ln sum_j q(z|x_j) - ln(N B), N data; alike for each q(z_k). N moves no gradient."""
    batch, latents, size = 16, 4, 60_000
    mean, logvar = normal(batch, latents).requires_grad_(), normal(batch, latents, seed=1).requires_grad_()
    eps = normal(batch, latents, seed=2)

    def gradients(penalty: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad(penalty, (mean, logvar))

    z = mean + (logvar / 2).exp() * eps
    ours = gradients(total_correlation(Terms(z.sum(1), z.sum(1), z, mean, logvar, z, None)))

    z = mean + (logvar / 2).exp() * eps
    log_joint, log_marginals = [], []
    for i in range(batch):
        each = Normal(mean, (logvar / 2).exp()).log_prob(z[i])  # [posterior, latent]
        log_joint.append(torch.logsumexp(each.sum(1), 0) - math.log(size * batch))
        log_marginals.append((torch.logsumexp(each, 0) - math.log(size * batch)).sum())
    theirs = gradients((torch.stack(log_joint) - torch.stack(log_marginals)).mean())
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("weight", [0.0, 1.0, 6.0])
def test_beta_tc_weighs_the_total_correlation_alone(weight: float) -> None:
    terms = coded(normal(50, 3), 0.3)
    found = BetaTc().loss(terms, torch.tensor(weight), NOTHING)
    elbo = Elbo().loss(terms, torch.tensor(1.0), NOTHING)
    assert (found - elbo).item() == pytest.approx((weight - 1) * total_correlation(terms).item(), abs=1e-13)


# Maximum mean discrepancy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("latents", [1, 2, 10])
def test_the_discrepancy_of_the_prior_from_itself_is_nothing_but_chance(latents: int) -> None:
    found = [discrepancy(normal(500, latents, seed=seed)).item() for seed in range(20)]
    # A degenerate U-statistic of a kernel below 1: its standard deviation is below sqrt(2) / batch.
    assert abs(np.mean(found)) <= 4 * math.sqrt(2) / 500 / math.sqrt(20)
    assert max(map(abs, found)) <= 6 * math.sqrt(2) / 500


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("latents", [1, 4])
def test_the_discrepancy_of_a_shifted_prior_is_the_closed_form(shift: float, latents: int) -> None:
    """Of N(m, I): 2 (h / (h + 2))^(M/2) (1 - exp(-|m|^2 / (2 (h + 2)))) with h = M; it grows with the distance."""
    batch, h = 2000, latents
    z = normal(batch, latents)
    z[:, 0] += shift
    exact = 2 * (h / (h + 2)) ** (latents / 2) * (1 - math.exp(-(shift**2) / (2 * (h + 2))))
    # The projection of the kernel's difference lies within 2, so 4 standard errors are below 8 / sqrt(batch).
    assert discrepancy(z).item() == pytest.approx(exact, abs=8 / math.sqrt(batch) * min(1.0, exact + 0.05))


def test_codes_away_from_the_prior_raise_the_loss_and_its_gradient_leads_them_back() -> None:
    objective, weight = InfoMmd(mmd=100.0), torch.tensor(0.0)
    near = coded(normal(400, 3), 1e-9)
    losses = [
        objective.loss(near._replace(z=move(near.z)), weight, NOTHING).item()
        for move in (lambda z: z, lambda z: z + 1, lambda z: z + 2, lambda z: 3 * z, lambda z: z / 10)
    ]
    assert losses[0] < min(losses[1:])
    assert losses[1] < losses[2]
    z = (near.z + 1).requires_grad_()
    (gradient,) = torch.autograd.grad(objective.loss(near._replace(z=z), weight, NOTHING), z)
    assert (gradient.mean(0) > 0).all()  # a step down the gradient goes towards 0


def test_a_single_code_has_no_pairs_and_no_discrepancy() -> None:
    z = normal(1, 3).requires_grad_()
    found = InfoMmd().loss(coded(z, 0.5)._replace(z=z), torch.tensor(1.0), NOTHING)
    assert found.isfinite()
    assert discrepancy(z).item() == 0


# DIP -----------------------------------------------------------------------------------------------------------------


def test_the_covariance_penalty_of_a_code_like_the_prior_vanishes() -> None:
    """I looks at the means alone, so they must be white; II adds the posteriors' own variance v."""
    white, v = whitened(normal(300, 4)), 0.3
    assert Dip(version="I").penalty(coded(white, v)).item() == pytest.approx(0, abs=1e-20)
    assert Dip(version="II").penalty(coded(math.sqrt(1 - v) * white, v)).item() == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("version", ["I", "II"])
def test_the_covariance_penalty_is_that_of_numpys_covariance(version: str) -> None:
    means, v = normal(300, 4) @ normal(4, 4, seed=3) + 5, 0.3
    objective = Dip(version=version, off_diagonal=7.0, diagonal=3.0)  # type: ignore[arg-type]
    covariance = np.cov(means.numpy(), rowvar=False, bias=True) + (v * np.eye(4) if version == "II" else 0)
    apart = covariance[~np.eye(4, dtype=bool)]
    expected = 7 * (apart**2).sum() + 3 * ((np.diag(covariance) - 1) ** 2).sum()
    terms = coded(means, v)
    assert objective.penalty(terms).item() == pytest.approx(expected, rel=1e-12)
    found = objective.loss(terms, torch.tensor(2.0), NOTHING) - Elbo().loss(terms, torch.tensor(2.0), NOTHING)
    assert found.item() == pytest.approx(expected, rel=1e-12)
