"""Controllers move the weight the right way, come to rest on a plant of known answer, and let go of their bounds."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from klsweep.vae.objectives import Balanced, Geco, Memory, Seen, TargetRate, Terms
from klsweep.vae.objectives.controlled import LOG_LAMBDA_BOUND

INPUT_DIM = 64
ONE = torch.tensor(1.0)


def begun(objective: TargetRate | Geco | Balanced) -> Memory:
    return {name: torch.tensor(value) for name, value in objective.start().items()}


def seen(*, rate: float = 0.0, error: float = 0.0) -> Seen:
    return Seen(torch.tensor(0.0), torch.tensor(rate), torch.tensor(error), INPUT_DIM, progress=0.5)


def run(
    objective: TargetRate | Geco | Balanced,
    memory: Memory,
    given: Seen,
    *,
    steps: int,
    weight: torch.Tensor = ONE,
) -> Memory:
    for _ in range(steps):
        memory = objective.next(memory, given, weight)
    return memory


def one_datum(*, distortion: float = 0.0, rate: float = 0.0, error: float | None = None) -> Terms:
    code = torch.zeros(1, 1)
    squared = None if error is None else torch.tensor([error])
    rates = torch.tensor([[rate]])
    return Terms(torch.tensor([distortion]), rates.sum(1), rates, code, code, code, squared)


# Target rate ---------------------------------------------------------------------------------------------------------

FREE = torch.tensor(1e4)


def beta_of(objective: TargetRate, memory: Memory, weight: torch.Tensor = FREE) -> float:
    """The beta it uses, read off its loss on a rate of 1 nat."""
    return objective.loss(one_datum(rate=1.0), weight, memory).item()


@pytest.mark.parametrize("start", [0.5, 50.0])
def test_a_rate_above_the_target_raises_beta_and_one_below_lowers_it(start: float) -> None:
    objective = TargetRate(nats=10.0)
    summed = start if start <= 1 else 1 + math.log(start)
    settled = {"beta": torch.tensor(start), "summed": torch.tensor(summed)}
    above, below = (
        beta_of(objective, run(objective, settled, seen(rate=rate), steps=20, weight=FREE))
        for rate in (12.0, 8.0)
    )
    assert below < start < above


def test_up_to_1_beta_is_the_published_sum_of_a_sigmoid_and_an_integral() -> None:
    """beta = K_p / (1 + e^error) - K_i * sum of errors + lowest, error = nats - rate (Shao et al. 2020)."""
    objective = TargetRate(nats=10.0, proportional=0.3, integral=0.01, lowest=0.2)
    memory, rates = begun(objective), [30.0, 14.0, 9.0, 11.0]
    for rate in rates:
        memory = objective.next(memory, seen(rate=rate), FREE)
    errors = [10 - rate for rate in rates]
    expected = 0.3 / (1 + math.exp(errors[-1])) - 0.01 * sum(errors) + 0.2
    assert beta_of(objective, memory) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("lowest", [0.2, 3.0])
def test_above_1_the_published_sum_is_that_of_1_and_the_logarithm_of_beta(lowest: float) -> None:
    objective = TargetRate(nats=10.0, proportional=0.3, integral=0.01, lowest=lowest)
    memory, rates = begun(objective), [200.0, 94.0, 9.0, 11.0]
    for rate in rates:
        memory = objective.next(memory, seen(rate=rate), FREE)
    errors = [10 - rate for rate in rates]
    first = lowest if lowest <= 1 else 1 + math.log(lowest)
    published = 0.3 / (1 + math.exp(errors[-1])) - 0.01 * sum(errors) + first
    assert beta_of(objective, memory) == pytest.approx(math.exp(published - 1), rel=1e-5)


@pytest.mark.parametrize(("lag", "unit"), [(1, 1.0), (30, 1.0), (100, 1.0), (100, 2.0), (30, 100.0)])
@pytest.mark.parametrize("target", [3.0, 10.0])
def test_on_a_plant_with_a_lag_the_rate_comes_to_the_target_and_stays(
    lag: int, unit: float, target: float
) -> None:
    """A rate that tends to -8 ln(beta / 2u), as 16 latents' would: the weight of the target is 2u e^(-target / 8)."""
    objective = TargetRate(nats=target)
    memory, rate, rates = begun(objective), 0.0, []
    for _ in range(2000):
        memory = objective.next(memory, seen(rate=rate), FREE)
        beta = max(beta_of(objective, memory), 1e-3)
        rate += (max(-8 * math.log(beta / (2 * unit)), 0.0) - rate) / lag
        rates.append(rate)
    assert max(abs(rate - target) for rate in rates[-500:]) < 0.01 * target
    assert beta_of(objective, memory) == pytest.approx(2 * unit * math.exp(-target / 8), rel=0.02)


def test_after_ever_so_long_below_the_target_beta_rises_with_the_first_nat_too_many() -> None:
    objective = TargetRate(nats=10.0, proportional=0.0)
    memory = run(objective, begun(objective), seen(rate=0.0), steps=2000)
    assert beta_of(objective, memory) == 0
    memory = run(objective, memory, seen(rate=11.0), steps=5)
    assert beta_of(objective, memory) == pytest.approx(5 * 3e-3, rel=1e-5)  # K_i for each step


@pytest.mark.parametrize("rate", [30.0, 1e30])
def test_after_ever_so_long_at_the_largest_beta_it_falls_with_the_first_nat_too_few(rate: float) -> None:
    """However far too large the rate was: 5 steps of K_i below 0.5, and the factor of as many below 50."""
    objective = TargetRate(nats=10.0, proportional=0.0)
    for largest, fallen in ((0.5, 0.5 - 5 * 3e-3), (50.0, 50 * math.exp(-5 * 3e-3))):
        weight = torch.tensor(largest)
        memory = run(objective, begun(objective), seen(rate=rate), steps=1000, weight=weight)
        assert beta_of(objective, memory, weight) == pytest.approx(largest, rel=1e-5)
        memory = run(objective, memory, seen(rate=9.0), steps=5, weight=weight)
        assert beta_of(objective, memory, weight) == pytest.approx(fallen, rel=1e-5)


@pytest.mark.parametrize("largest", [0.5, 50.0])
def test_beta_stays_between_its_bounds(largest: float) -> None:
    objective, weight = TargetRate(nats=10.0, lowest=0.1), torch.tensor(largest)
    for rate, bound in ((1e30, largest), (0.0, 0.1)):
        memory = run(objective, begun(objective), seen(rate=rate), steps=500, weight=weight)
        # Far below the target K_p still adds K_p / (1 + e^10) = 4.5e-6.
        assert beta_of(objective, memory, weight) == pytest.approx(bound, rel=1e-4)


def test_beta_follows_a_largest_beta_that_a_schedule_raises_from_0() -> None:
    objective, memory = TargetRate(nats=10.0), begun(TargetRate(nats=10.0))
    for largest in (0.0, 0.3, 20.0):
        weight = torch.tensor(largest)
        memory = run(objective, memory, seen(rate=60.0), steps=200, weight=weight)
        assert beta_of(objective, memory, weight) == pytest.approx(largest, rel=1e-5)


# GECO ----------------------------------------------------------------------------------------------------------------


def lambda_of(objective: Geco, memory: Memory) -> float:
    """The multiplier it uses, read off its loss on an error 1 above the constraint."""
    return objective.loss(one_datum(error=objective.sse + 1), ONE, memory).item()


def test_an_infeasible_error_raises_lambda_and_a_feasible_one_lowers_it() -> None:
    objective = Geco(sse=4.0)
    for error, direction in ((8.0, 1), (4.4, 1), (4.0, 0), (3.6, -1), (0.0, -1)):
        memory = run(objective, begun(objective), seen(error=error), steps=50)
        found = math.log(lambda_of(objective, memory))
        assert found == pytest.approx(0, abs=1e-5) if direction == 0 else found * direction > 0


def test_the_loss_is_the_rate_plus_lambda_times_the_excess_and_theta_half_their_ratio() -> None:
    objective, memory = Geco(sse=4.0), {"log_lambda": torch.tensor(math.log(3)), "excess": torch.tensor(0.0)}
    terms, weight = one_datum(distortion=999.0, rate=2.0, error=6.0), torch.tensor(5.0)
    assert objective.loss(terms, weight, memory).item() == pytest.approx(5 * 2 + 3 * (6 - 4), rel=1e-6)
    report = objective.report(memory, weight)
    assert report["controlled_lambda"].item() == pytest.approx(3, rel=1e-6)
    assert report["theta"].item() == pytest.approx(5 / 6, rel=1e-6)


@pytest.mark.parametrize("lag", [1, 30, 100])
@pytest.mark.parametrize("sse", [0.5, 4.0])
def test_on_a_plant_with_a_lag_the_error_comes_to_the_constraint_and_stays(lag: int, sse: float) -> None:
    """An error that tends to 20 / (1 + 8 lambda), from 20: the constraint is met at lambda = (20 / sse - 1) / 8."""
    objective = Geco(sse=sse)
    memory, error, errors = begun(objective), 20.0, []
    for _ in range(3000):
        memory = objective.next(memory, seen(error=error), ONE)
        error += (20 / (1 + 8 * lambda_of(objective, memory)) - error) / lag
        errors.append(error)
    assert max(abs(error - sse) for error in errors[-500:]) < 0.01 * sse
    assert lambda_of(objective, memory) == pytest.approx((20 / sse - 1) / 8, rel=0.02)


@pytest.mark.parametrize(("error", "release"), [(1e6, 0.0), (0.0, 8.0)])
def test_lambda_keeps_within_its_bounds_and_comes_back_as_soon_as_the_error_does(
    error: float, release: float
) -> None:
    objective = Geco(sse=4.0)
    memory = run(objective, begun(objective), seen(error=error), steps=5000)
    edge = memory["log_lambda"].item()
    assert abs(edge) == LOG_LAMBDA_BOUND
    memory = run(objective, memory, seen(error=release), steps=50)
    # The running mean turns within 10 steps of memory 0.9; then 0.01 a step, so at least 30 of the 50 count.
    assert abs(memory["log_lambda"].item()) < abs(edge) - 30 * 0.01


def test_an_enormous_error_at_the_start_counts_no_more_than_one_twice_the_constraint() -> None:
    objective = Geco(sse=4.0)
    enormous, twice = (
        run(objective, begun(objective), seen(error=error), steps=100)["log_lambda"] for error in (1e9, 8.0)
    )
    assert torch.equal(enormous, twice)


# Balanced ------------------------------------------------------------------------------------------------------------


def test_gamma_follows_the_error_down_and_never_up() -> None:
    objective = Balanced()
    memory, found = begun(objective), [1.0]
    for error in (*[0.1] * 50, *[5.0] * 50, *[0.01] * 50):
        memory = objective.next(memory, seen(error=error * INPUT_DIM), ONE)
        found.append(memory["gamma2"].item())
    assert all(later <= earlier for earlier, later in pairwise(found))
    assert found[100] == found[50] == pytest.approx(0.1 + 0.9 * 0.99**50, rel=1e-5)
    assert found[150] < 0.7 * found[100]


def test_balanced_weighs_the_error_by_half_of_one_over_gamma() -> None:
    objective, memory = Balanced(), {"gamma2": torch.tensor(0.25)}
    found = objective.loss(one_datum(distortion=999.0, rate=2.0, error=6.0), torch.tensor(3.0), memory)
    assert found.item() == pytest.approx(6 / (2 * 0.25) + 3 * 2, rel=1e-6)
    assert objective.report(memory, torch.tensor(3.0))["theta"].item() == pytest.approx(0.75, rel=1e-6)


# Both ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objective", "given"),
    [
        (TargetRate(nats=5.0), lambda value: Seen(ONE, value, ONE, INPUT_DIM, 0.5)),
        (Geco(sse=4.0), lambda value: Seen(ONE, ONE, value, INPUT_DIM, 0.5)),
        (Balanced(), lambda value: Seen(ONE, ONE, value, INPUT_DIM, 0.5)),
    ],
)
def test_members_of_a_fleet_remember_each_for_itself_even_beside_one_that_broke(
    objective: TargetRate | Geco | Balanced, given: Callable[[torch.Tensor], Seen]
) -> None:
    weight = torch.tensor([0.5, 2.0, 2.0, 50.0])
    values = [torch.tensor([9.0, 9.0, float("nan"), 30.0]), torch.tensor([3.0, 7.0, float("inf"), 1.0])]
    stacked: Memory = {name: torch.full((4,), value) for name, value in objective.start().items()}
    for value in values * 5:
        stacked = objective.next(stacked, given(value), weight)
    for member in range(4):
        alone = begun(objective)
        for value in values * 5:
            alone = objective.next(alone, given(value[member]), weight[member])
        for name, expected in alone.items():
            torch.testing.assert_close(stacked[name][member], expected, rtol=0, atol=0, equal_nan=True)
