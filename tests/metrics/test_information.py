"""The parts of the rate are those of integrals and closed forms, add up to it, and know their own error."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from closed_models import evidence_of, normal
from scipy.stats import norm

from klsweep.metrics import aggregate
from klsweep.metrics.evidence import Evidence
from klsweep.metrics.information import Information


def parts(evidence: Evidence, samples: int = 300) -> dict[str, float]:
    """As columns without `_nats`."""
    found = Information(samples=samples).measure(evidence)
    return {name.removesuffix("_nats"): value for name, value in found.items()}


def whitened(n: int, latents: int, seed: int = 0) -> torch.Tensor:
    """Gaussian codes with sample mean 0 and sample covariance (ddof 0) the identity."""
    codes = normal(n, latents, seed=seed)
    u, _, vt = torch.linalg.svd(codes - codes.mean(0), full_matrices=False)
    return math.sqrt(n) * u @ vt


def rate_of(evidence: Evidence) -> float:
    """The mean over data of torch's own KL of Gaussians."""
    held_out = evidence.held_out
    posterior = torch.distributions.Normal(held_out.mean.double(), (held_out.logvar.double() / 2).exp())
    prior = torch.distributions.Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double())
    return float(torch.distributions.kl_divergence(posterior, prior).sum(1).mean())


# Against integrals --------------------------------------------------------------------------------------------------


def integrals(mean: np.ndarray, sigma: np.ndarray) -> dict[str, float]:
    """The parts for few posteriors [n, 2] by a sum over a grid, exact to rounding for smooth densities that vanish."""
    grid = np.linspace(-9, 9, 901)
    step = grid[1] - grid[0]
    each = norm.pdf(grid, mean[..., None], sigma[..., None])  # [n, 2, grid]
    joint = np.einsum("na,nb->ab", each[:, 0], each[:, 1]) / len(mean)
    first, second = each.mean(0)
    prior = norm.pdf(grid)

    def kl(p: np.ndarray, q: np.ndarray, cell: float) -> float:
        return float(np.sum(np.where(p > 1e-300, p * (np.log(p + 1e-300) - np.log(q + 1e-300)), 0)) * cell)

    product = np.outer(first, second)
    return {
        "mutual_information": float(
            np.mean([kl(np.outer(a, b), joint, step**2) for a, b in each]),
        ),
        "marginal_kl": kl(joint, np.outer(prior, prior), step**2),
        "total_correlation": kl(joint, product, step**2),
        "dimension_wise_kl": kl(first, prior, step) + kl(second, prior, step),
    }


FEW = (
    torch.tensor([[-1.0, 0.5], [0.3, -0.7], [1.2, 1.0], [0.0, 0.1], [0.4, -1.5]], dtype=torch.float64),
    torch.tensor([[0.3, 0.6], [0.9, 0.4], [0.5, 0.5], [1.1, 0.8], [0.2, 0.7]], dtype=torch.float64),  # sigma
)


def test_the_parts_of_a_small_mixture_are_its_integrals() -> None:
    """Within 4 standard errors, which at 20,000 samples are below 0.01 nats."""
    mean, sigma = FEW
    exact = integrals(mean.numpy(), sigma.numpy())
    assert exact["mutual_information"] + exact["marginal_kl"] == pytest.approx(
        rate_of(evidence_of(mean, sigma**2))
    )
    found = parts(evidence_of(mean, sigma**2), samples=20_000)
    for name, error in (
        ("mutual_information", "mutual_information_se"),
        ("marginal_kl", "mutual_information_se"),
        ("total_correlation", "total_correlation_se"),
        ("dimension_wise_kl", "dimension_wise_kl_se"),
    ):
        assert found[error] < 0.01
        assert found[name] == pytest.approx(exact[name], abs=4 * found[error])


@pytest.mark.parametrize("samples", [50, 100])
def test_the_standard_errors_are_those_of_repetition(samples: int) -> None:
    """Over 200 seeds the mean is the integral within 4 standard errors, and the spread is the error each states.

    A standard deviation of 200 values is known to 1/sqrt(400) = 5 %, so within 20 %. The fitted slope may shift the
    mean by about the square of an error, 0.1 / samples.
    """
    mean, sigma = FEW
    exact = integrals(mean.numpy(), sigma.numpy())
    runs = [parts(evidence_of(mean, sigma**2, seed=seed), samples=samples) for seed in range(200)]
    for name in ("mutual_information", "total_correlation", "dimension_wise_kl"):
        values = np.array([run[name] for run in runs])
        stated = np.mean([run[f"{name}_se"] for run in runs])
        assert values.mean() == pytest.approx(
            exact[name], abs=4 * values.std() / math.sqrt(200) + 0.1 / samples
        )
        assert values.std() == pytest.approx(stated, rel=0.2)


# Identities ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [50, 300, 1000])
@pytest.mark.parametrize("n", [1, 2, 50, 400])
def test_the_parts_add_up_to_the_rate(n: int, samples: int) -> None:
    """To rounding, for any number of samples, fewer or more than data."""
    evidence = evidence_of(normal(n, 3), normal(n, 3, seed=1).exp())
    found = parts(evidence, samples)
    assert found["mutual_information"] + found["marginal_kl"] == pytest.approx(rate_of(evidence), rel=1e-9)
    assert found["total_correlation"] + found["dimension_wise_kl"] == pytest.approx(
        found["marginal_kl"], abs=1e-9
    )


def test_mutual_information_and_marginal_kl_are_each_right_and_not_just_their_sum() -> None:
    """Without the exact rate as control, the plain means of the log ratios say the same within their errors."""
    mean, variance = whitened(500, 2) * 0.8, 0.3
    evidence = evidence_of(mean, variance)
    z = evidence.z[:, None]
    each = torch.distributions.Normal(mean, math.sqrt(variance)).log_prob(z).sum(2)  # [sample, posterior]
    log_q = each.logsumexp(1) - math.log(500)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(evidence.z).sum(1)
    found = parts(evidence, samples=5000)
    for name, ratio in (("mutual_information", each.diagonal() - log_q), ("marginal_kl", log_q - prior)):
        slack = 4 * (float(ratio.std()) / math.sqrt(500) + found["mutual_information_se"])
        assert found[name] == pytest.approx(float(ratio.mean()), abs=slack)


# Ideal, null and deceptive codes ------------------------------------------------------------------------------------


def test_a_collapsed_posterior_has_no_mutual_information() -> None:
    """And nothing else either, if it is the prior: 0 to rounding, not ln n and not ln of a batch."""
    found = parts(evidence_of(torch.zeros(128, 6), 1.0))
    cap = found.pop("mutual_information_cap")
    assert cap == pytest.approx(math.log(128))
    assert max(map(abs, found.values())) < 1e-12


def test_a_posterior_collapsed_beside_the_prior_has_a_rate_but_no_mutual_information() -> None:
    """All of its rate is dimension-wise KL, (m^2 + v - 1 - ln v)/2 a latent, and without sampling error."""
    found = parts(evidence_of(torch.full((300, 4), 1.5, dtype=torch.float64), 0.2))
    rate = 4 * 0.5 * (1.5**2 + 0.2 - 1 - math.log(0.2))
    assert found["dimension_wise_kl"] == pytest.approx(rate, rel=1e-12)
    for name in ("mutual_information", "mutual_information_upper", "total_correlation"):
        assert found[name] == pytest.approx(0, abs=1e-11)
    assert found["dimension_wise_kl_se"] < 1e-11


def test_posteriors_that_do_not_overlap_carry_ln_n_and_no_more() -> None:
    """Distances of 100 standard deviations: the cap is met, the rest of the rate is marginal KL."""
    evidence = evidence_of(torch.arange(64.0)[:, None] - 32, 1e-4)
    found = parts(evidence)
    assert found["mutual_information"] == pytest.approx(math.log(64), abs=1e-12)
    assert found["mutual_information_cap"] == pytest.approx(math.log(64), abs=1e-12)
    assert found["marginal_kl"] == pytest.approx(rate_of(evidence) - math.log(64), rel=1e-12)
    assert found["mutual_information_upper"] > 1000  # the data do not suffice, and it shows


def test_codes_on_a_grid_are_factorised() -> None:
    """Means of all combinations and equal variances make q(z) a product, so TC = 0 for every sample."""
    axes = [torch.tensor([-1.0, 0.5, 2.0]).double(), torch.tensor([0.0, 0.3]).double(), normal(10)]
    found = parts(
        evidence_of(torch.cartesian_prod(*axes), torch.tensor([0.1, 0.02, 0.3], dtype=torch.float64))
    )
    assert found["total_correlation"] == pytest.approx(0, abs=1e-12)
    assert found["total_correlation_se"] < 1e-12
    assert found["mutual_information"] > 1


def test_codes_that_repeat_one_factor_are_far_from_factorised() -> None:
    """Two copies of one code of 8 well separated values: the joint has 8 of the 64 combinations, TC = ln 8."""
    codes = torch.arange(8.0).repeat(20)[:, None].expand(-1, 2)
    found = parts(evidence_of(codes, 1e-4))
    assert found["total_correlation"] == pytest.approx(math.log(8), abs=1e-9)
    assert found["mutual_information"] == pytest.approx(math.log(8), abs=1e-9)


# Gaussian codes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("r", [(0.9,), (0.5, 0.3), (0.8,) * 10])
def test_the_best_linear_vae_has_a_rate_that_is_all_mutual_information(r: tuple[float, ...]) -> None:
    """Means of variance 1 - r and posterior variance r: q(z) = N(0, I), so MI = R, marginal KL = TC = 0.

    Of n = 2000 data the bias is (e^{2R} - 1)/(2n) to first order, below 0.003 nats here (see the next test).
    """
    n, share = 2000, torch.tensor(r, dtype=torch.float64)
    found = parts(evidence_of(whitened(n, len(r)) * (1 - share).sqrt(), share), samples=500)
    rate = -0.5 * float(share.log().sum())
    bias = (math.exp(2 * rate) - 1) / (2 * n)
    slack = 4 * found["mutual_information_se"] + 2 * bias
    assert bias < 0.003
    assert found["mutual_information_se"] < 0.007
    assert found["mutual_information"] == pytest.approx(rate, abs=slack)
    assert found["mutual_information_upper"] == pytest.approx(rate, abs=slack)
    assert found["marginal_kl"] == pytest.approx(0, abs=slack)
    assert found["total_correlation"] == pytest.approx(0, abs=4 * found["total_correlation_se"] + 2 * bias)


def errors_in_population(r: float, *, n: int, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """What n data add to the marginal KL, which is 0, and to the upper bound on MI, -ln(r)/2; each for many draws."""
    below, above = [], []
    for seed in range(draws):
        found = parts(
            evidence_of(math.sqrt(1 - r) * normal(n, 1, seed=1000 + seed), r, seed=seed), samples=4 * n
        )
        below.append(found["marginal_kl"])
        above.append(found["mutual_information_upper"] + 0.5 * math.log(r))
    return np.array(below), np.array(above)


def test_the_bias_towards_the_population_is_known_and_bracketed() -> None:
    """E KL(q_n || q) = chi^2 / (2 n) to first order, too much in the marginal KL, and as much in the upper bound.

    The chi-squared information of a Gaussian pair is rho^2/(1 - rho^2), with rho^2 = 1 - r: e^{2R} - 1 = 2/3 at
    r = 0.6. By quadrature over 4000 draws the mean is 0.00325 at n = 100, 3 % below the first order's 0.00333.
    """
    draws, n = 300, 100
    below, above = errors_in_population(0.6, n=n, draws=draws)
    first_order = (1 / 0.6 - 1) / (2 * n)
    slack = 4 * below.std() / math.sqrt(draws) + 0.05 * first_order
    assert slack < 0.5 * first_order
    assert below.mean() == pytest.approx(first_order, abs=slack)
    assert above.mean() > -4 * above.std() / math.sqrt(draws)


@pytest.mark.parametrize("r", [0.1, 0.001])
def test_the_bias_is_at_most_that_of_the_chi_squared_information(r: float) -> None:
    """KL <= ln(1 + chi^2) and Jensen: E KL(q_n || q) <= ln(1 + (e^{2R} - 1)/n), for small and for large rates."""
    draws, n = 60, 100
    below, above = errors_in_population(r, n=n, draws=draws)
    assert 0 < below.mean() < math.log(1 + (1 / r - 1) / n) + 4 * below.std() / math.sqrt(draws)
    assert above.mean() > 0


@pytest.mark.parametrize("rho", [0.3, 0.8])
def test_the_total_correlation_of_correlated_codes_is_that_of_their_covariance(rho: float) -> None:
    """q(z) = N(0, [[1, rho], [rho, 1]]): TC = -ln(1 - rho^2)/2, dimension-wise KL 0. n = 2000 and R < 1.9."""
    v = 0.15
    covariance = torch.tensor([[1, rho], [rho, 1]], dtype=torch.float64)
    spread = torch.linalg.cholesky(covariance - v * torch.eye(2))
    found = parts(evidence_of(whitened(2000, 2) @ spread.T, v), samples=500)
    bias = 1 / v**2 / (2 * 2000)  # e^{2R} is at most that of independent codes of this posterior variance
    slack = 4 * found["total_correlation_se"] + 2 * bias
    assert slack < 0.15
    assert found["total_correlation"] == pytest.approx(-0.5 * math.log(1 - rho**2), abs=slack)
    assert found["dimension_wise_kl"] == pytest.approx(0, abs=4 * found["dimension_wise_kl_se"] + 2 * bias)


def test_total_correlation_is_not_negative_where_minibatch_weights_make_it_so() -> None:
    """256 factorised codes in 10 dimensions, as in a known report of -45 nats; a KL is at least 0."""
    found = parts(evidence_of(math.sqrt(0.5) * normal(256, 10), 0.5))
    assert found["total_correlation"] > -4 * found["total_correlation_se"]
    assert found["mutual_information"] < found["mutual_information_cap"] + 4 * found["mutual_information_se"]


# Arithmetic ---------------------------------------------------------------------------------------------------------


def test_narrow_posteriors_far_from_zero_keep_their_digits() -> None:
    """In float32, means at 4096 + k/1024 under sigma = 1/512: moved to 0, mutual information and TC are the same."""
    near = (torch.arange(40.0)[:, None] + torch.tensor([0.0, 3.0])) / 1024
    sigma2 = torch.tensor(2.0**-18)
    at_zero, far = parts(evidence_of(near, sigma2)), parts(evidence_of(near + 4096, sigma2))
    assert 1 < at_zero["mutual_information"] < math.log(40) - 0.5
    # The noise is the same and so are the densities; only the control, ln p(z), is another: errors of the same size.
    for name in ("mutual_information", "total_correlation"):
        error = math.hypot(at_zero[f"{name}_se"], far[f"{name}_se"])
        assert error < 0.1
        assert far[name] == pytest.approx(at_zero[name], abs=4 * error)


def test_the_split_into_blocks_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = evidence_of(normal(100, 3), 0.2)
    whole = parts(evidence)
    for pairs in (1, 700, 2**30):
        monkeypatch.setattr(aggregate, "PAIRS", pairs)
        assert parts(evidence) == pytest.approx(whole, rel=1e-12, abs=1e-13)


def test_the_same_evidence_gives_the_same_numbers_and_another_seed_others() -> None:
    evidence = evidence_of(normal(50, 3), 0.2)
    assert parts(evidence) == parts(evidence)
    assert parts(evidence) != parts(evidence_of(normal(50, 3), 0.2, seed=9))


def test_what_cannot_be_found_is_unknown() -> None:
    """One datum has no others to be told from; posteriors of no width have no density."""
    alone = parts(evidence_of(torch.ones(1, 2), 0.5))
    assert alone["mutual_information"] == pytest.approx(0, abs=1e-12)
    assert alone["mutual_information_cap"] == 0
    assert alone["mutual_information_upper"] is None
    broken = evidence_of(torch.ones(10, 2), 1.0)
    held_out = replace(broken.held_out, logvar=torch.full((10, 2), -3000.0))
    found = parts(replace(broken, held_out=held_out))
    assert {value for name, value in found.items() if "cap" not in name} == {None}
