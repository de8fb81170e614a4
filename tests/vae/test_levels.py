"""Values in levels: masses that sum to 1, right in edges and tails, with the mean of their levels."""

import math

import mpmath
import numpy as np
import pytest
import torch
from mpmath import mpf
from scipy import special

from klsweep.vae.likelihoods import Categorical, DiscretizedLogistic
from klsweep.vae.likelihoods.levels import LOG_SCALE_RANGE

EPS32 = torch.finfo(torch.float32).eps


def float64(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("levels", [2, 3, 8, 17, 256])
def test_every_level_is_read_as_itself(levels: int) -> None:
    values = torch.arange(levels, dtype=torch.float32) / (levels - 1)  # as data come: divided in float32
    sure = 50 * torch.eye(levels).unsqueeze(1)
    found = Categorical(levels=levels).log_prob(values.unsqueeze(1), sure)
    assert (found > -1e-3).all()  # any other level has ln p = -50
    at_level = torch.stack([values, torch.full_like(values, -10.0)], dim=1).unsqueeze(1)
    at_level[..., 0] -= 0.5  # a decoder's zero is the middle of the range; the narrowest scale, e^-7
    found = DiscretizedLogistic(levels=levels).log_prob(values.unsqueeze(1), at_level)
    # Within half a level on both sides lies 1 - 2 / (1 + e^(h / s)) of it, at least 0.79; beside it less than 0.11.
    assert (found > math.log(0.7)).all()


@pytest.mark.parametrize("logits", [[0.0, 0.0, 0.0], [1000.0, -1000.0, 0.0], [3.0, 1.0, -2.0]])
def test_categorical_is_a_softmax_and_its_gradient_the_difference_to_it(logits: list[float]) -> None:
    params = torch.tensor([[logits]] * 3).requires_grad_()
    found = Categorical(levels=3).log_prob(torch.tensor([[0.0], [0.5], [1.0]]), params)
    found.sum().backward()
    # Subtracted, exponentiated, summed, subtracted: 4 eps of the largest logit.
    slack = 4 * EPS32 * max(1.0, *map(abs, logits))
    np.testing.assert_allclose(found.detach().numpy(), special.log_softmax(logits), rtol=0, atol=slack)
    expected = torch.eye(3).unsqueeze(1) - torch.tensor(special.softmax(logits)).float()
    torch.testing.assert_close(params.grad, expected, rtol=0, atol=4 * EPS32)


LOGISTIC = [
    *[(location, 0.0) for location in (-1000.0, -3.0, -0.5, 0.0, 0.1234, 0.5, 3.0, 1000.0)],
    *[(location, log_scale) for location in (-0.7, 0.0, 0.3) for log_scale in (-1000.0, -4.0, 5.0, 1000.0)],
]


def exact_logistic(level: int, location: mpf, log_scale: mpf, levels: int = 256) -> mpf:
    """ln(F(upper edge) - F(lower edge)), as it is written down; 400 digits bear a difference of 1e-300."""
    scale = mpmath.exp(log_scale)
    cdf = lambda x: 1 / (1 + mpmath.exp(-(x - location) / scale))  # noqa: E731
    upper = cdf((level + mpf(1) / 2) / (levels - 1)) if level < levels - 1 else mpf(1)
    lower = cdf((level - mpf(1) / 2) / (levels - 1)) if level else mpf(0)
    return mpmath.log(upper - lower)


def settings(params: tuple[float, float]) -> tuple[float, float]:
    """Location and log-scale that a decoder's two numbers stand for."""
    return params[0] + 0.5, min(max(params[1] - 2.3, LOG_SCALE_RANGE[0]), LOG_SCALE_RANGE[1])


@pytest.mark.parametrize("params", [pair for pair in LOGISTIC if abs(pair[0]) < 10])
@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_discretized_logistic_is_right_in_edges_and_tails_with_its_gradient(
    params: tuple[float, float], level: int
) -> None:
    given = torch.tensor([[params]]).requires_grad_()
    found = DiscretizedLogistic().log_prob(torch.tensor([[level / 255]]), given)
    found.sum().backward()
    assert given.grad is not None
    location, log_scale = settings((given[0, 0, 0].item(), given[0, 0, 1].item()))
    size = (abs(level / 255 - location) + abs(location) + 1) * math.exp(-log_scale)
    clamped = log_scale in LOG_SCALE_RANGE
    with mpmath.workdps(4000 if size > 1000 else 400):
        at = mpf(location), mpf(log_scale)
        exact = exact_logistic(level, *at)
        step = mpf(10) ** -40
        d_location, d_scale = (
            (exact_logistic(level, at[0] + i * step, at[1] + j * step) - exact) / step
            for i, j in ((1, 0), (0, 1))
        )
    # (x -+ h - m) / s is rounded four times, which ln p passes on with a slope of at most 1 each.
    assert found.item() == pytest.approx(float(exact), abs=8 * EPS32 * (1 + size))
    # The slopes are sigmoids, whose own slope is at most 1/4, times 1/s, or times (x -+ h - m) / s.
    per_scale = math.exp(-log_scale)
    slack = 8 * EPS32 * (1 + size)
    assert given.grad[0, 0, 0].item() == pytest.approx(float(d_location), abs=slack * per_scale)
    expected = 0.0 if clamped else float(d_scale)
    assert given.grad[0, 0, 1].item() == pytest.approx(expected, abs=slack * (1 + size))


@pytest.mark.parametrize("params", LOGISTIC)
def test_discretized_logistic_sums_to_1_and_has_the_mean_of_its_levels(params: tuple[float, float]) -> None:
    given = float64(*params).expand(256, 1, 2)
    values = torch.arange(256, dtype=torch.float64) / 255
    p = DiscretizedLogistic().log_prob(values.unsqueeze(1), given).exp()
    # 256 terms; ln p carries the rounding of (x - m) / s, but only where p itself is not small: 1e-13 of e^4.7 / s.
    assert p.sum().item() == pytest.approx(1, abs=1e-11)
    assert DiscretizedLogistic().mean(given[:1]).item() == pytest.approx((p @ values).item(), abs=1e-11)


def test_discretized_logistic_is_finite_with_its_gradient_at_every_extreme() -> None:
    extremes = [-1000.0, -30.0, 0.0, 30.0, 1000.0]
    params = torch.cartesian_prod(*[torch.tensor(extremes)] * 2).unsqueeze(1).requires_grad_()
    for x in (0.0, 0.4, 1.0):
        found = DiscretizedLogistic().log_prob(torch.full((25, 1), x), params)
        (gradient,) = torch.autograd.grad(found.sum(), params)
        assert found.isfinite().all()
        assert (found <= 0).all()
        assert gradient.isfinite().all()


def test_categorical_sums_to_1_and_has_the_mean_of_its_levels() -> None:
    logits = float64(0.3, -2.0, 1.0, 4.0, 0.0).expand(5, 1, 5)
    values = torch.linspace(0, 1, 5, dtype=torch.float64)
    p = Categorical(levels=5).log_prob(values.unsqueeze(1), logits).exp()
    assert p.sum().item() == pytest.approx(1, rel=1e-14)  # five terms in float64
    assert Categorical(levels=5).mean(logits[0]).item() == pytest.approx((p @ values).item(), rel=1e-14)
