"""The importance-weighted bound against exact likelihoods, quadrature and closed forms of the linear Gaussian model."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from closed_models import LinearGaussian, evidence_of, normal
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm
from torch import Tensor

from klsweep.metrics.evidence import CHUNK, Evidence
from klsweep.metrics.iw_bound import IwBound

MODEL = LinearGaussian(
    torch.tensor([[2.0, 0.0], [0.0, 0.5], [1.0, 0.0], [0.0, 0.0]], dtype=torch.float64), 0.3
)
"""Orthogonal columns, so the model's own posterior is a diagonal Gaussian."""


def data_of(model: LinearGaussian, n: int, seed: int = 0) -> Tensor:
    """n draws of p(x), [n, input] float64."""
    inputs, latents = model.loading.shape
    z, noise = normal(n, latents, seed=seed), normal(n, inputs, seed=seed + 1)
    return z @ model.loading.T + math.sqrt(model.variance) * noise


def posterior_of(model: LinearGaussian, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance [n, latent] of p(z|x): precision I + W^T W / s2, which is diagonal for orthogonal columns."""
    variance = 1 / (1 + model.loading.square().sum(0) / model.variance)
    return x @ model.loading / model.variance * variance, variance.expand(len(x), -1)


def evidence_for(x: Tensor, *, shift: float = 0.0, scale: float = 1.0, seed: int = 0) -> Evidence:
    """The model's own posterior, moved by `shift` of its standard deviation, its variance times `scale`."""
    mean, variance = posterior_of(MODEL, x)
    return evidence_of(mean + shift * variance.sqrt(), variance * scale, x=x, model=MODEL, seed=seed)


def exact(x: Tensor) -> np.ndarray:
    """ln p(x) by scipy, [n]."""
    return multivariate_normal(np.zeros(x.shape[1]), MODEL.covariance).logpdf(x.numpy())


def spread_of_log_w(shift: float, scale: float, latents: int) -> float:
    """Standard deviation given x of ln w = eps^2 (1 - scale)/2 - shift sqrt(scale) eps + const, a latent."""
    return math.sqrt(latents * ((1 - scale) ** 2 / 2 + shift**2 * scale))


def test_the_exact_posterior_gives_the_exact_likelihood_from_one_sample_on() -> None:
    """Every weight is p(x): no variance, and all samples are effective."""
    x = data_of(MODEL, 50)
    for samples in (1, 2, 37, 600):
        found = IwBound(samples=samples).measure(evidence_for(x))
        assert found["iw_bound_nats"] == pytest.approx(exact(x).mean(), rel=1e-12)
        assert found["iw_elbo_nats"] == pytest.approx(exact(x).mean(), rel=1e-12)
        assert found["iw_mean_effective_samples"] == pytest.approx(samples, rel=1e-9)
        assert found["iw_min_effective_samples"] == pytest.approx(samples, rel=1e-9)
        assert found["iw_bound_se_nats"] == pytest.approx(exact(x).std(ddof=1) / math.sqrt(50), rel=1e-9)


def test_one_sample_gives_the_elbo_of_the_closed_form() -> None:
    """-(D + R) with D = (N ln(2 pi s2) + (|x - W m|^2 + sum_k |W_k|^2 v_k) / s2) / 2, within 4 standard errors."""
    x = data_of(MODEL, 4000)
    evidence = evidence_for(x, shift=0.5, scale=0.4)
    mean, variance = evidence.held_out.mean, evidence.held_out.logvar.exp()
    columns = MODEL.loading.square().sum(0)
    sse = (x - mean @ MODEL.loading.T).square().sum(1) + (columns * variance).sum(1)
    distortion = 0.5 * (4 * math.log(2 * math.pi * MODEL.variance) + sse / MODEL.variance)
    rate = 0.5 * (mean.square() + variance - 1 - variance.log()).sum(1)
    found = IwBound(samples=1, data=4000).measure(evidence)
    slack = 4 * spread_of_log_w(0.5, 0.4, latents=2) / math.sqrt(4000)
    assert found["iw_bound_nats"] == pytest.approx(float(-(distortion + rate).mean()), abs=slack)
    assert found["iw_bound_nats"] == pytest.approx(found["iw_elbo_nats"], rel=1e-12)
    assert found["iw_mean_effective_samples"] == pytest.approx(1, rel=1e-12)


def quadrature(samples: int, shift: float, scale: float) -> float:
    """E ln(1/K sum w) - ln p(x) for K = 1 or 2, one latent: ln w - ln p(x) = ln p(z|x) - ln q(z|x), by Gauss-Hermite.

    In units of the posterior's standard deviation p(z|x) = N(0, 1) and q(z|x) = N(shift, scale).
    """
    nodes, weights = hermegauss(80)
    z = shift + math.sqrt(scale) * nodes
    log_w = norm.logpdf(z) - norm.logpdf(z, shift, math.sqrt(scale))
    weights = weights / weights.sum()
    if samples == 1:
        return float(weights @ log_w)
    pairs = np.logaddexp(log_w[:, None], log_w) - math.log(2)
    return float(weights @ pairs @ weights)


@pytest.mark.parametrize("samples", [1, 2])
def test_few_samples_are_that_many(samples: int) -> None:
    """The gap for one and for two samples is its integral: neither is rounded up to a batch. 4 standard errors."""
    model = LinearGaussian(torch.tensor([[1.5]], dtype=torch.float64), 0.5)
    n, shift, scale = 5000, 0.7, 0.5
    x = data_of(model, n)
    mean, variance = posterior_of(model, x)
    evidence = evidence_of(mean + shift * variance.sqrt(), variance * scale, x=x, model=model)
    found = IwBound(samples=samples, data=n).measure(evidence)
    likelihood = norm.logpdf(x.numpy(), 0, math.sqrt(model.covariance[0, 0])).mean()
    slack = 4 * spread_of_log_w(shift, scale, latents=1) / math.sqrt(n)  # less for two samples
    assert abs(quadrature(1, shift, scale) - quadrature(2, shift, scale)) > 2 * slack
    assert found["iw_bound_nats"] - likelihood == pytest.approx(quadrature(samples, shift, scale), abs=slack)


def test_the_bound_tightens_with_samples_and_stays_below_the_likelihood() -> None:
    """Burda et al. 2016, theorem 1. ln w has a spread of 1.5 a sample, so the mean of 300 data errs by 0.09 at K = 1.

    At large K the bound misses ln p(x) by Var(w / p(x)) / (2 K) and errs by the root of Var / (K n); by quadrature,
    integral p(z|x)^2 / q(z|x) - 1 for both latents, Var is 1.13.
    """
    x = data_of(MODEL, 300)
    evidence = evidence_for(x, shift=0.8, scale=1.5)
    bounds = [IwBound(samples=k, data=300).measure(evidence)["iw_bound_nats"] for k in (1, 4, 16, 64, 1024)]
    assert bounds == sorted(bounds)
    assert bounds[1] - bounds[0] > 4 * 0.09
    assert bounds[-1] == pytest.approx(exact(x).mean(), abs=1.13 / 2048 + 4 * math.sqrt(1.13 / (1024 * 300)))


def test_the_share_of_effective_samples_is_that_of_the_chi_squared_divergence() -> None:
    """ESS / K -> 1 / E_q[w^2] with w = p/q: for N(0, 1) under N(0, s), (E_q w^2) = s / sqrt(2 s - 1) a latent."""
    s, samples = 1.5, 20_000
    found = IwBound(samples=samples, data=10).measure(evidence_for(data_of(MODEL, 10), scale=s))
    share = (math.sqrt(2 * s - 1) / s) ** 2
    # w^2 has a standard deviation below its mean at this s, so the mean of 20,000 errs by 4 / sqrt(20000) = 3 %
    assert found["iw_mean_effective_samples"] / samples == pytest.approx(share, rel=0.03)
    assert found["iw_min_effective_samples"] <= found["iw_mean_effective_samples"]


def test_a_posterior_too_narrow_is_seen_in_its_effective_samples() -> None:
    """As small KL weights make it: the narrower, the further is the bound from ln p(x), and the fewer samples count."""
    x = data_of(MODEL, 100)
    found = [IwBound(samples=200).measure(evidence_for(x, scale=scale)) for scale in (1.0, 0.3, 0.1, 0.01)]
    short = [exact(x).mean() - each["iw_bound_nats"] for each in found]
    effective = [each["iw_mean_effective_samples"] for each in found]
    assert short == sorted(short)
    assert effective == sorted(effective, reverse=True)
    assert (short[0], effective[0]) == pytest.approx((0, 200), abs=1e-9)
    assert short[-1] > 2
    assert effective[-1] < 0.2 * 200
    assert found[-1]["iw_min_effective_samples"] < 3


def test_the_least_effective_datum_is_reported() -> None:
    """One datum of 20 has a posterior 6 standard deviations off: its weights are all but one negligible."""
    x = data_of(MODEL, 20)
    mean, variance = posterior_of(MODEL, x)
    mean[7] += 6 * variance[7].sqrt()
    found = IwBound(samples=100).measure(evidence_of(mean, variance, x=x, model=MODEL))
    assert found["iw_min_effective_samples"] < 10
    assert found["iw_mean_effective_samples"] > 90


@dataclass(frozen=True)
class Counted:
    """A decoder that notes how many codes it is given at once, and for which data."""

    batches: list[int] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)

    def expected(self, z: Tensor) -> Tensor:
        raise AssertionError("the bound needs no reconstruction")

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        assert len(x) == len(z)
        self.batches.append(len(z))
        self.seen.extend(x[:, 0].tolist())
        return MODEL.log_prob(x, z)


@pytest.mark.parametrize("samples", [1, 3, 100, 511, 512, 513, 1300])
def test_every_datum_gets_exactly_its_samples_in_bounded_batches(samples: int) -> None:
    counted = Counted()
    evidence = replace(evidence_for(data_of(MODEL, 40)), model=counted)
    found = IwBound(samples=samples, data=11).measure(evidence)
    assert max(counted.batches) <= CHUNK
    assert sum(counted.batches) == 11 * samples
    assert set(np.unique(counted.seen, return_counts=True)[1]) == {samples}
    assert (found["iw_samples"], found["iw_data"]) == (samples, 11)


def test_the_data_are_spread_over_the_split_and_no_more_than_there_are() -> None:
    """Of sorted data the mean of the first would differ; 400 of 2000 different ones, and all where there are fewer."""
    counted = Counted()
    x = data_of(MODEL, 2000)
    x[:, 0] = torch.arange(2000.0)
    found = IwBound(samples=1, data=400).measure(replace(evidence_for(x), model=counted))
    assert found["iw_data"] == len(set(counted.seen)) == 400
    # a mean of 400 of 2000 ranks has standard error 2000 / sqrt(12 * 400) * sqrt(1 - 1/5) = 26
    assert np.mean(counted.seen) == pytest.approx(999.5, abs=4 * 26)
    assert IwBound(samples=1, data=5000).measure(evidence_for(x))["iw_data"] == 2000


def by_hand(evidence: Evidence, samples: int) -> Iterator[np.ndarray]:
    """ln w of each held-out datum [samples], with scipy's densities and numpy's noise."""
    noise = np.random.default_rng(0)
    for x, mean, logvar in zip(*(part.numpy() for part in vars_of(evidence)), strict=True):
        sigma = np.exp(logvar / 2)
        z = mean + sigma * noise.normal(size=(samples, len(mean)))
        log_px = multivariate_normal(cov=MODEL.variance * np.eye(4)).logpdf(x - z @ MODEL.loading.numpy().T)
        yield log_px + (norm.logpdf(z) - norm.logpdf(z, mean, sigma)).sum(1)


def vars_of(evidence: Evidence) -> tuple[Tensor, Tensor, Tensor]:
    held_out = evidence.held_out
    return held_out.x, held_out.mean, held_out.logvar


def test_bound_and_effective_samples_are_those_of_another_hand() -> None:
    """The same estimate written with scipy, other noise; 4 standard errors of each, from its own repetition."""
    evidence = evidence_for(data_of(MODEL, 200), shift=0.5, scale=1.5)
    ours = [
        IwBound(samples=50).measure(
            replace(evidence, generator=evidence_for(evidence.held_out.x, seed=s).generator)
        )
        for s in range(10)
    ]
    log_w = np.stack(list(by_hand(evidence, 500))).reshape(200, 10, 50)
    theirs = {
        "iw_bound_nats": (logsumexp(log_w, axis=2) - math.log(50)).mean(0),
        "iw_mean_effective_samples": np.exp(2 * logsumexp(log_w, axis=2) - logsumexp(2 * log_w, axis=2)).mean(
            0
        ),
    }
    for name, values in theirs.items():
        mine = np.array([run[name] for run in ours])
        slack = 4 * math.hypot(values.std(ddof=1), mine.std(ddof=1)) / math.sqrt(10)
        assert mine.mean() == pytest.approx(values.mean(), abs=slack)
        assert slack < 0.02 * abs(values.mean())


def test_the_same_evidence_gives_the_same_numbers_and_another_seed_others() -> None:
    evidence = evidence_for(data_of(MODEL, 30), shift=1.0)
    assert IwBound().measure(evidence) == IwBound().measure(evidence)
    other = IwBound().measure(evidence_for(data_of(MODEL, 30), shift=1.0, seed=5))
    assert IwBound().measure(evidence)["iw_bound_nats"] != other["iw_bound_nats"]


def test_float32_posteriors_of_little_width_far_from_zero_keep_their_weights() -> None:
    """ln p(z) - ln q(z|x) comes from the noise itself: in float32 z - mean would be 0 or a step of sigma's size."""
    x = data_of(MODEL, 20)
    mean = torch.full((20, 2), 512.0)
    evidence = evidence_of(mean, torch.tensor(1e-10), x=x.float(), model=Flat())
    found = IwBound(samples=4).measure(evidence)
    # ln w = -z^2/2 + (eps^2 + ln v)/2 a latent, with E eps^2 = 1; z^2/2 moves by 512 sigma eps = 0.005
    expected = 2 * (0.5 * (1 + math.log(1e-10)) - 512.0**2 / 2)
    assert found["iw_elbo_nats"] == pytest.approx(expected, abs=4 * math.sqrt(2 * 0.5 / 80) + 0.01)


@dataclass(frozen=True)
class Flat:
    """p(x|z) = 1."""

    def expected(self, z: Tensor) -> Tensor:
        return z

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        return torch.zeros(len(x))


def test_what_cannot_be_found_is_unknown() -> None:
    alone = IwBound(samples=2).measure(evidence_for(data_of(MODEL, 1)))
    assert alone["iw_bound_se_nats"] is None
    assert alone["iw_bound_nats"] is not None
    x = torch.full((3, 4), math.inf, dtype=torch.float64)
    found = IwBound(samples=2).measure(evidence_of(torch.zeros(3, 2), 1.0, x=x, model=MODEL))
    assert found == {
        "iw_bound_nats": None,
        "iw_bound_se_nats": None,
        "iw_elbo_nats": None,
        "iw_mean_effective_samples": None,
        "iw_min_effective_samples": None,
        "iw_samples": 2,
        "iw_data": 3,
    }
