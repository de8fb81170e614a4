"""Reported numbers are those of the whole held-out split at sampled z, unweighted, as numpy computes them."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from small import INPUT_DIM, digits, job, trained

from klsweep.data import Data
from klsweep.result import Result
from klsweep.spec.job import Job
from klsweep.train import evaluate, streams
from klsweep.train.assembly import assemble
from klsweep.vae.likelihoods import Bernoulli, Gaussian, Likelihood, Mse

LATENT = 4


def recomputed(one: Job, weights: dict[str, np.ndarray], split: np.ndarray, purpose: Any) -> dict[str, Any]:
    """Everything a result reports, from its weights, in float64 and in one piece. Mlp of one hidden layer."""
    own = {name: value.astype(np.float64) for name, value in weights.items()}
    x = split.reshape(len(split), -1).astype(np.float64)
    noise = torch.randn(len(split), LATENT, generator=streams.generator(one.seed, purpose)).double().numpy()

    def network(side: str, values: np.ndarray) -> np.ndarray:
        hidden = np.maximum(values @ own[f"{side}.0.weight"] + own[f"{side}.0.bias"], 0)
        return hidden @ own[f"{side}.2.weight"] + own[f"{side}.2.bias"]

    mean, logvar = np.split(network("encoder", x), 2, axis=1)
    params = network("decoder", mean + np.exp(logvar / 2) * noise)
    at_mean = network("decoder", mean)
    bernoulli = isinstance(one.likelihood, Bernoulli)
    guess, guess_at_mean = (special.expit(p) if bernoulli else p for p in (params, at_mean))
    sse = ((x - guess) ** 2).sum(1).mean()
    if isinstance(one.likelihood, Bernoulli):
        distortion = -(x * special.log_expit(params) + (1 - x) * special.log_expit(-params)).sum(1).mean()
    elif isinstance(one.likelihood, Gaussian):
        variance = one.likelihood.variance
        distortion = sse / (2 * variance) + INPUT_DIM / 2 * math.log(2 * math.pi * variance)
    else:
        distortion = sse
    rates = 0.5 * (mean**2 + np.exp(logvar) - 1 - logvar).mean(0)
    return {
        "distortion_nats": distortion,
        "rate_nats": rates.sum(),
        "elbo_nats": -(distortion + rates.sum()),
        "recon_sse": sse,
        "recon_mse": sse / INPUT_DIM,
        "recon_bce": distortion if bernoulli else None,
        "active_units": int((mean.var(axis=0, ddof=0) > 0.01).sum()),
        "active_units_kl": int((rates > 0.01).sum()),
        "rates": rates,
        "variances": mean.var(axis=0, ddof=0),
        "sse_at_mean": ((x - guess_at_mean) ** 2).sum(1).mean(),
    }


def data(testing: int) -> Data:
    """Training data as ever; `testing` data in the unit interval to test on, half of them seen twice as bright."""
    random = np.random.default_rng(1)
    held_out = random.random((testing, 1, 8, 8), dtype=np.float32)
    held_out[testing // 2 :] *= 0.5
    return Data(digits().train, digits().valid, held_out)


SIZES = [1, 7, evaluate.CHUNK - 1, evaluate.CHUNK, evaluate.CHUNK + 1, 2 * evaluate.CHUNK + 76]


@pytest.mark.parametrize("testing", SIZES)
@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(variance=0.1), Mse()])
def test_a_result_reports_what_numpy_computes_on_the_whole_split(
    likelihood: Likelihood, testing: int
) -> None:
    length = {"epochs": 3, "lr": 1e-2}
    jobs = [
        job(beta, seed=seed, likelihood=likelihood, length=length) for seed, beta in [(0, 0.05), (3, 5.0)]
    ]
    given = data(testing)
    for one, result in zip(jobs, trained(*jobs, data=given), strict=True):
        expected = recomputed(one, dict(result.weights), given.test, "test noise")
        for name in ("distortion_nats", "rate_nats", "elbo_nats", "recon_sse", "recon_mse"):
            # Per datum float32, a few sums of 64 terms: 2 * 64 * 6e-8; their mean is taken in float64.
            assert result.row[name] == pytest.approx(expected[name], rel=8e-6)
        for name in ("active_units", "active_units_kl"):
            assert result.row[name] == expected[name]
        np.testing.assert_allclose(
            result.arrays["rate_per_latent_nats"], expected["rates"], rtol=8e-6, atol=1e-7
        )
        # The variance is a difference of means of squares about the first chunk's mean: 8e-6 of their size.
        np.testing.assert_allclose(
            result.arrays["mean_variance_per_latent"],
            expected["variances"],
            rtol=1e-5,
            atol=1e-6 * expected["variances"].max(),
        )


def test_reconstructions_are_measured_at_sampled_z_not_at_its_mean() -> None:
    one = job(1.0, length={"epochs": 10, "lr": 1e-2})
    result = trained(one)[0]
    expected = recomputed(one, dict(result.weights), digits().test, "test noise")
    assert expected["recon_sse"] > 1.01 * expected["sse_at_mean"]  # a thousand times the tolerance below
    assert result.row["recon_sse"] == pytest.approx(expected["recon_sse"], rel=8e-6)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_no_reported_number_is_multiplied_by_beta_or_by_the_reduction(reduction: str) -> None:
    """Untrained but for a step of 1e-9, all members are one model; only the loss of their curves may tell them."""
    length = {"steps": 1, "lr": 1e-9}
    results = trained(*(job(beta, reduction=reduction, length=length) for beta in (0.0, 1.0, 1000.0)))
    for name in ("distortion_nats", "rate_nats", "elbo_nats", "recon_sse"):
        values = [float(result.row[name] or 0) for result in results]
        assert values == pytest.approx([values[0]] * 3, rel=1e-5)
        assert values[0] != 0
    a = 1.0 if reduction == "sum" else 1 / INPUT_DIM
    for beta, result in zip((0.0, 1.0, 1000.0), results, strict=True):
        last = result.curve[-1]
        for split in ("train", "valid"):
            distortion, rate = (
                float(last[f"{split}_{name}"] or 0) for name in ("distortion_nats", "rate_nats")
            )
            assert last[f"{split}_loss"] == pytest.approx(a * (distortion + beta * rate), rel=1e-5)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(variance=0.1), Mse()])
def test_the_columns_of_one_result_agree_with_each_other(likelihood: Likelihood) -> None:
    row = trained(job(likelihood=likelihood))[0].row
    assert row["elbo_nats"] == -(row["distortion_nats"] + row["rate_nats"])
    assert row["recon_mse"] == row["recon_sse"] / INPUT_DIM
    assert row["rate_nats"] > 0
    if isinstance(likelihood, Bernoulli):
        assert row["recon_bce"] == row["distortion_nats"]
    else:
        assert row["recon_bce"] is None
        assert row["theta"] == likelihood.sigma2


def test_validation_numbers_are_those_of_the_validation_split_and_its_own_noise() -> None:
    one = job(2.0)
    result = trained(one)[0]
    expected = recomputed(one, dict(result.weights), digits().valid, "valid noise")
    assert result.curve[-1]["valid_distortion_nats"] == pytest.approx(expected["distortion_nats"], rel=8e-6)
    assert result.curve[-1]["valid_rate_nats"] == pytest.approx(expected["rate_nats"], rel=8e-6)


def test_test_data_choose_nothing() -> None:
    given = digits()
    other = Data(given.train, given.valid, given.test[::-1] * 0.5)
    first, second = (trained(job(length={"epochs": 2}), data=one)[0] for one in (given, other))
    assert first.curve == second.curve
    assert all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)
    assert first.row["distortion_nats"] != second.row["distortion_nats"]


def test_a_posterior_far_from_the_origin_keeps_the_digits_of_its_variance() -> None:
    """A mean of 1000 with a spread of 1: float32 squares about 0 would be off by 1e6 * 6e-8 = 0.06."""
    one = job(0.0, length={"steps": 1, "lr": 1e-9})
    fleet, members = assemble([one], (1, 8, 8), train_size=300, device=torch.device("cpu"))
    with torch.no_grad():
        members.parameters["vae.encoder.2.bias"][:, :LATENT] += 1000
    split = torch.from_numpy(data(1000).test)
    seen = evaluate.evaluate(fleet, members, split, purpose="test noise", weight=torch.tensor([0.0]))
    weights = {
        name.removeprefix("vae."): value[0].detach().numpy() for name, value in members.parameters.items()
    }
    expected = recomputed(one, weights, split.numpy(), "test noise")["variances"]
    # Each mean is rounded to 1000 * 6e-8; with a spread s that is 2 s * 6e-5 in a squared deviation at most.
    slack = 2 * 6e-5 * np.sqrt(expected) + 6e-5**2
    assert (np.abs(seen.mean_variance_per_latent[0] - expected) <= slack).all()


def test_collapsed_and_used_latents_are_told_apart() -> None:
    """Beta 1000 leaves no latent in use; a tiny beta uses all."""
    length = {"epochs": 20, "lr": 1e-2}
    collapsed, used = trained(job(1000.0, length=length), job(1e-3, length=length))
    assert _units(collapsed) == (0, 0)
    assert _units(used) == (LATENT, LATENT)
    assert collapsed.row["rate_nats"] < 0.01


def _units(result: Result) -> tuple[Any, Any]:
    return result.row["active_units"], result.row["active_units_kl"]
