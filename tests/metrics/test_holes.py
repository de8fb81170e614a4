"""Holes under the prior: against scipy's densities, integrals, and posteriors whose aggregate is known."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch import Tensor
from worlds import encoded, evidence, normal

from klsweep.metrics.aggregate import PAIRS, log_density
from klsweep.metrics.evidence import Evidence, Values
from klsweep.metrics.holes import Holes
from klsweep.result import COLUMNS

AT_PRIOR, AT_POSTERIOR, KL, HOLES = (
    "log_aggregate_at_prior_nats",
    "log_aggregate_at_posterior_nats",
    "kl_prior_aggregate_nats",
    "prior_hole_share",
)


def of(mean: Tensor, logvar: Tensor, *, seed: int = 0) -> Evidence:
    return evidence(encoded(mean, logvar=logvar), seed=seed)


def by_scipy(z: Tensor, mean: Tensor, logvar: Tensor, *, own_left_out: bool = False) -> np.ndarray:
    """ln of the mixture, from all pairs of a point and a component."""
    spread = (0.5 * logvar.double()).exp().numpy()
    pairs = stats.norm.logpdf(z.double().numpy()[:, None], mean.double().numpy(), spread).sum(-1)
    if own_left_out:
        np.fill_diagonal(pairs, -np.inf)
    return np.asarray(special.logsumexp(pairs, axis=1) - math.log(len(mean) - own_left_out))


def measured(
    mean: Tensor, logvar: Tensor, *, size: int = 2000, percentile: float = 1.0, seed: int = 0
) -> Values:
    return Holes(size=size, percentile=percentile).measure(of(mean, logvar, seed=seed))


@pytest.mark.parametrize("own_left_out", [False, True])
@pytest.mark.parametrize("latents", [1, 3])
def test_the_log_density_is_scipy_s(latents: int, own_left_out: bool) -> None:
    n = 600
    assert n * n > PAIRS  # more than a block
    mean, logvar = normal(n, latents, purpose="mean").double(), normal(n, latents, purpose="logvar").double()
    z = normal(n, latents, purpose="z").double()
    found = log_density(z, mean, logvar, without=torch.arange(n) if own_left_out else None).numpy()
    np.testing.assert_allclose(
        found, by_scipy(z, mean, logvar, own_left_out=own_left_out), rtol=1e-12, atol=1e-12
    )


def test_narrow_posteriors_far_from_zero_keep_their_digits() -> None:
    """At a mean of 1e4 and a deviation of 1e-5 an expanded square would cancel: (mean / sd)^2 is 1e18."""
    mean = torch.full((2, 1), 1e4, dtype=torch.float64)
    logvar = torch.full((2, 1), 2 * math.log(1e-5), dtype=torch.float64)
    z = torch.tensor([[1e4 + 2**-16]], dtype=torch.float64)  # 1.5 deviations away, without rounding
    expected = stats.norm.logpdf(2**-16, 0, 1e-5)
    assert float(log_density(z, mean, logvar)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("latents", [1, 10])
def test_a_collapsed_posterior_is_the_prior_without_a_hole(latents: int) -> None:
    """KL = 0 to rounding in any dimension: ln(1/n) enters once, not per latent, and each pair has its own density."""
    n, size = 1500, 1000
    values = measured(torch.zeros(n, latents), torch.zeros(n, latents), size=size, percentile=10)
    assert values[KL] == pytest.approx(0, abs=1e-12)
    entropy = 0.5 * latents * math.log(2 * math.pi * math.e)
    error = math.sqrt(latents / 2 / size)  # of the mean of chi2_latents / 2
    assert values[AT_PRIOR] == pytest.approx(-entropy, abs=4 * error)
    assert values[AT_POSTERIOR] == pytest.approx(-entropy, abs=4 * error)
    share = math.sqrt(2 * 0.1 * 0.9 / size)  # a share of 10 % under a 10th percentile, each of 1000 draws
    assert values[HOLES] == pytest.approx(0.1, abs=4 * share)


def test_posteriors_that_fill_the_prior_leave_hardly_a_hole() -> None:
    """mean ~ N(0, 1 - s2) and variance s2 make q(z) = N(0, I) with all the information in z: the ideal."""
    n, s2 = 2000, 0.2
    values = measured(math.sqrt(1 - s2) * normal(n, 2), torch.full((n, 2), math.log(s2)))
    # A finite mixture q_n errs by E_p[-ln(q_n/q)], to second order Var(q_n/q)/2 = (1/s2^2 - 1) / (2n) under p; and the
    # mean over n draws of -ln(q_n/q), whose variance is then twice that, by its standard error.
    bias = (s2**-2 - 1) / (2 * n)
    error = math.sqrt(2 * bias / n)
    assert -4 * error < values[KL] < bias + 4 * error
    assert values[HOLES] == pytest.approx(0.01, abs=4 * math.sqrt(2 * 0.01 * 0.99 / n))
    assert values[AT_PRIOR] == pytest.approx(values[AT_POSTERIOR], abs=4 * math.sqrt(2 / n))


def test_the_kl_of_a_mixture_of_three_is_its_integral() -> None:
    means, sd, size = np.array([-2.0, 0.5, 1.5]), 0.8, 20_000
    mean = torch.tensor(means).float()[:, None]
    values = measured(mean, torch.full((3, 1), 2 * math.log(sd)), size=size)

    def gap(z: float) -> float:
        return float(stats.norm.logpdf(z) - special.logsumexp(stats.norm.logpdf(z, means, sd)) + math.log(3))

    def expectation(power: int) -> float:
        return float(integrate.quad(lambda z: stats.norm.pdf(z) * gap(z) ** power, -12, 12)[0])

    kl = expectation(1)
    error = math.sqrt((expectation(2) - kl**2) / size)
    assert kl > 0.1
    assert values[KL] == pytest.approx(kl, abs=4 * error)


def test_the_cluster_that_never_overlaps_is_nearly_all_holes() -> None:
    """Posteriors of spread 0.05 at four corners: draws of the prior between them are as good as never used."""
    corners = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]).repeat(250, 1)
    values = measured(corners, torch.full((1000, 2), 2 * math.log(0.05)), size=1000)
    assert (
        values[HOLES] > 0.97
    )  # the prior has 4 * pi * (3.03 * 0.05)^2 * e^-1 / (2 pi) = 1.7 % within 99 % of q
    assert values[KL] > 50


def test_perfect_marginals_hide_a_hole_that_is_found_here() -> None:
    """Deceptive: each latent is N(0, 1), and both are nearly equal: q(z) = N(0, [[1, r], [r, 1]])."""
    n, s2 = 2000, 0.1
    both = math.sqrt(1 - s2) * normal(n, 1).expand(n, 2)
    values = measured(both, torch.full((n, 2), math.log(s2)))
    r = 1 - s2
    closed = 0.5 * (2 / (1 - r * r) - 2 + math.log(1 - r * r))  # tr(S^-1) = 2 / (1 - r^2)
    # the summand is a quadratic form in z with weights (1/(1+r) - 1)/2 and (1/(1-r) - 1)/2 on two chi2_1
    error = math.sqrt(2 * sum((0.5 * (1 / (1 + sign * r) - 1)) ** 2 for sign in (1, -1)) / n)
    # the finite mixture adds less than a thousandth of a nat (see above: only the diagonal is a mixture)
    assert values[KL] == pytest.approx(closed, abs=4 * error)

    def share_beyond(radius: float) -> float:
        """Of N(0, I), beyond z' S^-1 z = radius: S has the variances 1 + r and 1 - r along its diagonals."""

        def given(u: float) -> float:
            return float(stats.norm.pdf(u) * stats.chi2.sf((1 - r) * (radius - u * u / (1 + r)), 1))

        return float(integrate.quad(given, -12, 12)[0])

    edge = stats.chi2.isf(0.01, 2)
    spread = math.sqrt(0.01 * 0.99 / n) / stats.chi2.pdf(edge, 2)  # of the percentile of n draws
    share = share_beyond(edge)
    slope = (share_beyond(edge - spread) - share_beyond(edge + spread)) / 2
    assert share > 0.3
    assert values[HOLES] == pytest.approx(
        share, abs=4 * math.hypot(slope, math.sqrt(share * (1 - share) / n))
    )


def test_the_own_component_does_not_vouch_for_its_draws() -> None:
    """Spread 1e-3 around means of N(0, 1): with its own component, ln q at a draw would be near ln(1/sd/n) always."""
    n = 300
    mean, logvar = normal(n, 5), torch.full((n, 5), 2 * math.log(1e-3))
    given = of(mean, logvar)
    values = Holes().measure(given)
    expected = by_scipy(given.z, mean, logvar, own_left_out=True).mean()
    assert values[AT_POSTERIOR] == pytest.approx(expected, rel=1e-9)
    assert by_scipy(given.z, mean, logvar).mean() > 0 > values[AT_POSTERIOR]
    # Deceptive: all of the prior is empty, but so is all around each posterior. The KL tells.
    assert values[HOLES] < 0.1
    assert values[KL] > 1000


def test_every_value_is_that_of_scipy_on_the_same_draws() -> None:
    n, size = 700, 900
    mean, logvar = normal(n, 3, purpose="mean"), normal(n, 3, purpose="logvar") - 1
    given = of(mean, logvar)
    values = Holes(size=size, percentile=5.0).measure(given)
    z = torch.randn(size, 3, generator=given.generator("holes prior"))
    at_prior = by_scipy(z, mean, logvar)
    at_posterior = by_scipy(given.z, mean, logvar, own_left_out=True)
    log_prior = stats.norm.logpdf(z.double().numpy()).sum(1)
    assert values[AT_PRIOR] == pytest.approx(at_prior.mean(), rel=1e-9)
    assert values[AT_POSTERIOR] == pytest.approx(at_posterior.mean(), rel=1e-9)
    assert values[KL] == pytest.approx((log_prior - at_prior).mean(), rel=1e-9)
    assert values[HOLES] == (at_prior < np.percentile(at_posterior, 5)).mean()


def test_a_part_of_the_data_is_the_same_part_each_time() -> None:
    mean, logvar = normal(500, 2), torch.full((500, 2), -2.0)
    assert measured(mean, logvar, size=50) == measured(mean, logvar, size=50)
    assert measured(mean, logvar, size=50) != measured(mean, logvar, size=50, seed=1)


def test_one_datum_has_no_others_to_compare_with() -> None:
    assert set(measured(torch.zeros(1, 2), torch.zeros(1, 2)).values()) == {None}


def test_no_column_is_one_of_every_run() -> None:
    assert not {*measured(torch.zeros(3, 2), torch.zeros(3, 2))} & set(COLUMNS)
