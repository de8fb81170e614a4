"""The closed form against a numerical minimum of the loss, against sampling, and against laws it must keep."""

import math

import mpmath
import numpy as np
import pytest
from scipy import optimize, stats

from klsweep.theory import linear
from klsweep.theory.curve import curve
from klsweep.theory.spectrum import Spectrum, spectrum

VALUES = (3.0, 1.5, 0.8, 0.2)
TRAIN, TEST = (
    np.random.default_rng(seed).standard_normal((count, 4)) * np.sqrt(VALUES) + shift
    for seed, count, shift in ((1, 400, 1.0), (2, 150, 1.2))
)
"""Data whose covariance is near `VALUES`, and held-out data of another mean and other moments."""


def known(*values: float, input_dim: int | None = None) -> Spectrum:
    """A spectrum whose held-out data are like the training data."""
    ordered = np.array(sorted(values, reverse=True), dtype=np.float64)
    dim = len(values) if input_dim is None else input_dim
    return Spectrum(dim, 10**6, ordered, float(ordered.sum()), ordered, 0 * ordered, float(ordered.sum()))


# ---- a linear VAE of which nothing is assumed


class Vae:
    """x ~ N(W z + b, sigma2 I), z ~ N(V x + c, diag e^logvar): rate and squared error from data alone."""

    def __init__(self, flat: np.ndarray, latent_dim: int) -> None:
        sizes = [4 * latent_dim, 4 * latent_dim, 4, latent_dim, latent_dim]
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        self.w, self.v = parts[0].reshape(4, -1), parts[1].reshape(-1, 4)
        self.b, self.c, self.logvar = parts[2:]

    @staticmethod
    def size(latent_dim: int) -> int:
        return 10 * latent_dim + 4

    def measured(self, x: np.ndarray) -> tuple[float, float, np.ndarray]:
        """(rate in nats, squared error, variance of the posterior means), expectations over z exact."""
        mean = x @ self.v.T + self.c
        rate = 0.5 * (np.square(mean) + np.exp(self.logvar) - 1 - self.logvar).sum(1).mean()
        residual = np.square(x - mean @ self.w.T - self.b).sum(1).mean()
        return rate, residual + np.square(self.w).sum(0) @ np.exp(self.logvar), mean.var(0)


def trained(theta: float, latent_dim: int) -> Vae:
    """The numerical minimum of SSE / 2 + theta * rate, best of several random starts."""

    def loss(flat: np.ndarray) -> float:
        rate, sse, _ = Vae(flat, latent_dim).measured(TRAIN)
        return sse / 2 + theta * rate

    starts = [np.random.default_rng(seed).normal(0, 0.3, Vae.size(latent_dim)) for seed in range(3)]
    found = [optimize.minimize(loss, start, method="BFGS", options={"gtol": 1e-7}) for start in starts]
    return Vae(min(found, key=lambda each: each.fun).x, latent_dim)


@pytest.mark.parametrize(("theta", "latent_dim"), [(0.5, 3), (0.05, 2), (1.2, 2), (4.0, 1)])
def test_the_best_linear_vae_is_where_minimising_the_loss_ends_on_both_splits(
    theta: float, latent_dim: int
) -> None:
    """BFGS by finite differences ends within 1e-5 of the minimum in its parameters; rate and error follow to 1e-3."""
    best = linear.optimum(spectrum(TRAIN, TEST), theta, latent_dim=latent_dim)
    model = trained(theta, latent_dim)
    for x, seen in ((TRAIN, best.train), (TEST, best.held)):
        rate, sse, variances = model.measured(x)
        assert seen.rate_nats == pytest.approx(rate, rel=1e-3, abs=1e-3)
        assert seen.recon_sse == pytest.approx(sse, rel=1e-3)
        assert seen.active_units == np.count_nonzero(variances > 0.01)


def test_nothing_is_used_at_the_first_eigenvalue_and_one_latent_just_below_it() -> None:
    data = known(2.0, 1.0)
    assert [int(linear.optimum(data, theta, latent_dim=2).used) for theta in (2.0, np.nextafter(2.0, 0))] == [
        0,
        1,
    ]
    collapsed = linear.optimum(data, 5.0, latent_dim=2).train
    assert (collapsed.rate_nats, collapsed.recon_sse, collapsed.active_units) == (0, 3.0, 0)


def test_a_latent_is_active_by_burda_only_where_its_eigenvalue_is_a_hundredth_above_theta() -> None:
    """Var_x(E_q[z]) = 1 - theta / l > 0.01, so l > theta / 0.99."""
    data = known(1.0)
    thetas = np.array([0.9899, 0.9901])
    found = linear.optimum(data, thetas, latent_dim=1)
    assert found.used.tolist() == [1, 1]
    assert found.train.active_units.tolist() == found.held.active_units.tolist() == [1, 0]


def test_a_weight_of_zero_codes_all_the_latents_can_at_no_finite_rate() -> None:
    free = linear.optimum(known(2.0, 1.0, 0.5), 0.0, latent_dim=2).train
    assert free.rate_nats == math.inf
    assert free.recon_sse == pytest.approx(0.5)


def test_distortion_is_the_mean_log_density() -> None:
    best = linear.optimum(known(*VALUES), 0.5, latent_dim=2).train
    sampled = np.random.default_rng(0).standard_normal((10, 4))
    sse = float(np.square(sampled).sum(1).mean())
    by_scipy = -stats.norm(0, math.sqrt(0.3)).logpdf(sampled).sum(1).mean()
    assert linear.distortion_nats(sse, input_dim=4, sigma2=0.3) == pytest.approx(by_scipy, rel=1e-12)
    assert linear.distortion_nats(best.recon_sse, input_dim=4, sigma2=0.3).shape == ()


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_the_exact_likelihood_is_scipys_and_the_bound_is_tight_at_beta_1_alone(beta: float) -> None:
    """The model's marginal is N(0, W W^T + sigma^2 I) with W_i = sqrt(l_i - theta) in the axes' own basis."""
    data, sigma2, size = known(*VALUES), 0.3, 2
    theta = beta * sigma2
    best = linear.optimum(data, theta, latent_dim=size)
    loadings = np.diag([math.sqrt(max(each - theta, 0)) for each in VALUES[:size]] + [0.0] * (4 - size))
    model = stats.multivariate_normal(np.zeros(4), loadings @ loadings.T + sigma2 * np.eye(4))
    # data with exactly the covariance diag(VALUES): 2 N points at +- sqrt(N l_i) along each axis
    points = np.concatenate([np.diag(np.sqrt(4 * np.array(VALUES))), -np.diag(np.sqrt(4 * np.array(VALUES)))])
    nll = linear.nll_nats(data, theta, sigma2=sigma2, latent_dim=size)
    assert nll == pytest.approx(-model.logpdf(points).mean(), rel=1e-12)
    bound = linear.distortion_nats(best.train.recon_sse, input_dim=4, sigma2=sigma2) + best.train.rate_nats
    gap = float(bound) - nll
    assert gap == pytest.approx(0, abs=1e-12) if beta == 1 else gap > 0.01


# ---- a learned variance


def loss_of_variance(data: Spectrum, sigma2: float, *, beta: float, latent_dim: int) -> float:
    best = linear.optimum(data, beta * sigma2, latent_dim=latent_dim).train
    distortion = linear.distortion_nats(best.recon_sse, input_dim=data.input_dim, sigma2=sigma2)
    return float(distortion + beta * best.rate_nats)


@pytest.mark.parametrize("beta", [0.1, 1.0, 1.4, 5.0])
@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_the_learned_variance_is_the_one_that_minimises_the_loss(beta: float, latent_dim: int) -> None:
    data = known(*VALUES)
    found = linear.learned_sigma2(data, beta=beta, latent_dim=latent_dim)
    assert found is not None
    grid = np.geomspace(1e-4, 10, 400)
    start = grid[np.argmin([loss_of_variance(data, each, beta=beta, latent_dim=latent_dim) for each in grid])]
    best = optimize.minimize_scalar(
        lambda log: loss_of_variance(data, math.exp(log), beta=beta, latent_dim=latent_dim),
        bracket=(math.log(start) - 0.05, math.log(start) + 0.05),
        tol=1e-10,
    )
    # a minimum is found to the square root of the precision of its value
    assert found == pytest.approx(math.exp(best.x), rel=1e-6)


def test_at_beta_1_it_is_the_mean_of_the_discarded_eigenvalues() -> None:
    """Tipping & Bishop 1999, eq. 8."""
    assert linear.learned_sigma2(known(*VALUES), beta=1.0, latent_dim=2) == pytest.approx((0.8 + 0.2) / 2)


def test_data_that_the_latents_can_hold_leave_no_variance_above_0_unless_beta_is_large() -> None:
    plane = known(2.0, 1.0, 0.0, 0.0)
    assert linear.learned_sigma2(plane, beta=1.0, latent_dim=2) is None
    large = linear.learned_sigma2(plane, beta=2.5, latent_dim=2)
    assert large is not None
    assert linear.optimum(plane, 2.5 * large, latent_dim=2).train.recon_sse == pytest.approx(4 * large)


def test_where_many_variances_are_as_good_it_is_the_largest_of_them() -> None:
    """At beta = 1 and as many latents as dimensions, the model has the covariance of the data with every small one."""
    square = known(2.0, 1.0)
    found = linear.learned_sigma2(square, beta=1.0, latent_dim=2)
    assert found == pytest.approx(1.0)
    losses = [loss_of_variance(square, each, beta=1.0, latent_dim=2) for each in (0.2, 0.6, 1.0, 1.1)]
    assert losses[:2] == pytest.approx([losses[2]] * 2, rel=1e-12)
    assert losses[3] > losses[2] + 1e-4


# ---- inverting the curve


@pytest.mark.parametrize("rate_nats", [1e-3, 0.3, 1.0, 4.0, 30.0])
def test_the_water_level_of_a_rate_is_the_root_of_it(rate_nats: float) -> None:
    data = known(*VALUES)
    for size in (1, 2, 4, 9):
        with mpmath.workdps(30):

            def excess(log: mpmath.mpf, size: int = size) -> mpmath.mpf:
                nats = [(mpmath.log(value) - log) / 2 for value in VALUES[:size]]
                return sum((each for each in nats if each > 0), mpmath.mpf(0)) - rate_nats

            root = mpmath.exp(mpmath.findroot(excess, (-70, mpmath.log(3)), solver="bisect", tol=1e-25))
        assert linear.theta_of_rate(data, rate_nats, latent_dim=size) == pytest.approx(float(root), rel=1e-12)


def test_the_water_level_of_an_error_gives_that_error_back_and_what_is_out_of_reach_is_none() -> None:
    data = known(*VALUES)
    for size in (1, 3):
        for sse in np.linspace(data.tail(size) * 1.001, data.total * 0.999, 7):
            theta = linear.theta_of_sse(data, float(sse), latent_dim=size)
            assert theta is not None
            assert linear.optimum(data, theta, latent_dim=size).train.recon_sse == pytest.approx(
                sse, rel=1e-12
            )
    assert linear.theta_of_sse(data, data.tail(1), latent_dim=1) is None
    off = linear.theta_of_sse(data, data.total + 1, latent_dim=1)
    assert off is not None
    assert linear.optimum(data, off, latent_dim=1).used == 0


# ---- posterior collapse by Lucas et al.


@pytest.mark.parametrize("theta", [0.5, 0.9, 0.97, 0.985, 0.9999])
def test_the_share_of_gaussian_data_with_a_small_rate_decides_collapse(theta: float) -> None:
    """Counted over quantiles of a standard normal, of which 200,001 put the share within 1e-5."""
    g = stats.norm.ppf((np.arange(200_001) + 0.5) / 200_001)
    rates = 0.5 * ((1 - theta) * g**2 + theta - 1 - math.log(theta))
    share = float((rates < linear.COLLAPSED_NATS).mean())
    assert abs(share - 0.99) > 1e-4, "too near the border to be counted"
    expected = 1 + int(share >= 0.99)  # and one latent that has no eigenvalue to take up
    assert linear.collapsed_units(known(1.0), theta, latent_dim=2) == expected


# ---- the curve


def test_the_curve_is_reverse_water_filling_with_slope_minus_half_of_1_over_theta() -> None:
    """dR/dSSE = -1 / (2 theta) along R(D), and D = sum min(theta, l) (Cover & Thomas 2006, theorem 10.3.3)."""
    data = known(*VALUES)
    found = curve(data, lowest=0.01)
    levels = found.theta
    np.testing.assert_allclose(found.train.recon_sse, np.minimum(levels[:, None], VALUES).sum(1), rtol=1e-12)
    nats = np.maximum(np.log(np.array(VALUES) / levels[:, None]), 0).sum(1) / 2
    np.testing.assert_allclose(found.train.rate_nats, nats, atol=1e-12)
    slope = np.gradient(found.train.rate_nats, found.train.recon_sse)[1:-1]
    # steps of 1.5 % in theta: a central difference is right to about that squared, but for the four kinks
    assert np.median(np.abs(slope * -2 * levels[1:-1] - 1)) < 1e-3


def test_few_latents_lie_on_the_curve_until_they_run_out_and_above_it_from_there() -> None:
    data = known(*VALUES)
    whole, two = curve(data, lowest=0.01), curve(data, lowest=0.01, latent_dim=2)
    on = whole.theta >= VALUES[2]
    np.testing.assert_allclose(two.train.recon_sse[on], whole.train.recon_sse[on])
    reached = np.interp(two.train.rate_nats[~on], whole.train.rate_nats, whole.train.recon_sse)
    assert (two.train.recon_sse[~on][1:] > reached[1:]).all()
    assert two.train.recon_sse.min() > data.tail(2)


def test_a_curve_stops_where_the_known_eigenvalues_do() -> None:
    part = Spectrum(9, 10**6, np.array([3.0, 1.0]), 5.0, np.array([3.0, 1.0]), np.zeros(2), 5.0)
    assert curve(part, lowest=1e-3).theta.min() == 1.0
    with pytest.raises(AssertionError, match="need more than the 2 axes"):
        linear.optimum(part, 0.5, latent_dim=3)
    assert linear.optimum(part, 0.5, latent_dim=2).train.recon_sse == pytest.approx(1.0 + 1.0)
