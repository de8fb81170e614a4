"""What each objective adds to the distortion: the weighted rate as it is, above a floor, or towards a capacity."""

from typing import Literal

import pytest
import torch

from klsweep.vae.objectives import Capacity, Elbo, FreeBits, Seen, Terms

DISTORTION = torch.tensor([90.0, 70.0, 0.0], dtype=torch.float64)
RATES = torch.tensor([[3.0, 0.0], [0.5, 0.25], [0.0, 0.0]], dtype=torch.float64)


def terms(distortion: torch.Tensor = DISTORTION, rates: torch.Tensor = RATES) -> Terms:
    code = torch.zeros_like(RATES)
    return Terms(distortion, rates.sum(1), rates, mean=code, logvar=code, z=code, squared_error=None)


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


def test_a_floor_under_each_latent_takes_the_maximum_after_the_batch_mean() -> None:
    """Means 3.5 / 3 and 0.25 / 3: only the second is under 0.25, though most of the first's data are."""
    found = FreeBits(floor=0.25).loss(terms(), torch.tensor(2.0), {})
    assert found.item() == pytest.approx((160 + 2 * 3.5) / 3 + 2 * 0.25, rel=1e-15)


def test_a_floor_under_each_datum_takes_the_maximum_before_the_batch_mean() -> None:
    found = FreeBits(floor=1.0, per="datum").loss(terms(), torch.tensor(2.0), {})
    assert found.item() == pytest.approx((160 + 2 * (3 + 1 + 1)) / 3, rel=1e-15)


@pytest.mark.parametrize(("per", "free"), [("latent", [[1, 0]] * 3), ("datum", [[1, 1], [0, 0], [0, 0]])])
def test_a_rate_under_the_floor_has_no_gradient(
    per: Literal["latent", "datum"], free: list[list[int]]
) -> None:
    rates = RATES.clone().requires_grad_()
    FreeBits(floor=1.0, per=per).loss(terms(rates=rates), torch.tensor(1.0), {}).backward()
    assert rates.grad is not None
    assert (3 * rates.grad).tolist() == free


@pytest.mark.parametrize("capacity", [0.0, 1.25, 3.0])
def test_capacity_pulls_the_mean_rate_of_the_batch_and_not_that_of_each_datum(capacity: float) -> None:
    """The rates are 3, 0.75 and 0, of mean 1.25: at a capacity of 1.25 nothing is left, though no datum has it."""
    memory = {"capacity": torch.tensor(capacity, dtype=torch.float64)}
    found = Capacity(nats=3.0).loss(terms(), torch.tensor(10.0), memory)
    assert found.item() == pytest.approx(160 / 3 + 10 * abs(1.25 - capacity), rel=1e-14)


def test_capacity_grows_in_a_straight_line_and_stays() -> None:
    objective = Capacity(nats=20.0, warmup=0.5)
    memory = {name: torch.tensor(value) for name, value in objective.start().items()}
    found = []
    for progress in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0):
        zero = torch.zeros(())
        memory = dict(objective.next(memory, Seen(zero, zero, zero, 64, progress), torch.tensor(1.0)))
        found.append(memory["capacity"].item())
    assert found == pytest.approx([0, 4, 10, 20, 20, 20], rel=1e-6)
