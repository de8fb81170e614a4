"""The objective is the distortion plus the weighted rate, in nats per datum, and nothing else."""

import pytest
import torch

from klsweep.vae.objectives import Elbo, Terms

DISTORTION = torch.tensor([90.0, 70.0, 0.0], dtype=torch.float64)
RATES = torch.tensor([[3.0, 0.0], [0.5, 0.25], [0.0, 0.0]], dtype=torch.float64)


def terms(distortion: torch.Tensor = DISTORTION, rates: torch.Tensor = RATES) -> Terms:
    code = torch.zeros_like(RATES)
    return Terms(distortion, rates, mean=code, logvar=code, z=code, squared_error=None)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 4.0, 1e6])
def test_the_loss_is_distortion_plus_weight_times_the_rate_summed_over_latents(weight: float) -> None:
    found = Elbo().loss(terms(), torch.tensor(weight, dtype=torch.float64), {})
    assert found.item() == pytest.approx((160 + 3.75 * weight) / 3, rel=1e-15)


def test_at_weight_1_the_loss_is_minus_the_elbo() -> None:
    found = Elbo().loss(terms(), torch.tensor(1.0, dtype=torch.float64), {})
    assert -found.item() == pytest.approx((-93 - 70.75) / 3, rel=1e-15)


def test_the_weight_moves_the_gradient_of_the_rate_alone() -> None:
    distortion, rates = DISTORTION.clone().requires_grad_(), RATES.clone().requires_grad_()
    Elbo().loss(terms(distortion, rates), torch.tensor(4.0), {}).backward()
    assert (3 * distortion.grad).tolist() == [1, 1, 1]
    assert (3 * rates.grad).tolist() == [[4, 4]] * 3
