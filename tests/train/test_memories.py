"""What objectives and likelihoods remember belongs to one member, survives a stop, and never saw held-out data."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import INPUT_DIM, digits, job, same_bits, trained

from klsweep.data import Data
from klsweep.errors import Interrupted
from klsweep.result import Result, Status
from klsweep.train import Setting
from klsweep.vae.objectives import Balanced, Capacity, Geco, InfoMmd, TargetRate

LENGTH = {"epochs": 4, "lr": 1e-2}
GREY = {"kind": "gaussian", "variance": "optimal"}
ADAPTIVE: dict[str, tuple[dict[str, Any], str]] = {
    "target rate": ({"objective": TargetRate(nats=0.01), "likelihood": "mse"}, "controlled_beta"),
    "geco": ({"objective": Geco(sse=10.0), "likelihood": "mse"}, "controlled_lambda"),
    "balanced": ({"objective": Balanced()}, "theta"),
    "optimal": ({"likelihood": GREY}, "fitted_sigma2"),
    "learned": ({"likelihood": {**GREY, "variance": "learned"}}, "fitted_sigma2"),
}


def stopping_after(epochs: int, folder: Path) -> Setting:
    asked = iter(range(1, 1000))
    return Setting(directory=folder, stopping=lambda: next(asked) >= epochs)


@pytest.mark.parametrize("case", ADAPTIVE)
def test_members_of_two_weights_or_seeds_come_to_values_of_their_own(case: str) -> None:
    given, name = ADAPTIVE[case]
    jobs = [job(beta, seed=seed, length=LENGTH, **given) for beta, seed in [(0.01, 0), (5.0, 0), (5.0, 1)]]
    together = trained(*jobs)
    assert len({result.row[name] for result in together}) == 3
    for one, result in zip(jobs, together, strict=True):
        # As in test_fleets: float32 sums in another order through a few steps of Adam, four times as many here.
        assert result.row[name] == pytest.approx(trained(one)[0].row[name], rel=4 * 40 * 3.8e-6)


STOPPED: list[dict[str, Any]] = [
    {"objective": TargetRate(nats=1.0), "likelihood": {"kind": "laplace", "b": "learned_per_dim"}},
    {"objective": Geco(sse=2.0), "likelihood": {"kind": "gaussian", "variance": "optimal"}},
    {"objective": Balanced(), "likelihood": {"kind": "gaussian", "variance": "learned"}},
    {"objective": Capacity(nats=2.0), "likelihood": {"kind": "laplace", "b": "optimal"}},
]


@pytest.mark.parametrize("given", STOPPED)
def test_a_memory_survives_a_stop_to_the_bit(given: dict[str, Any], tmp_path: Path) -> None:
    jobs = [job(beta, length=LENGTH, **given) for beta in (0.1, 4.0)]
    unbroken = trained(*jobs, data=digits(120))
    for at in (1, 2):
        with pytest.raises(Interrupted):
            trained(*jobs, data=digits(120), setting=stopping_after(at, tmp_path))
    epochs: list[int] = []
    setting = Setting(directory=tmp_path, on_epoch=lambda epoch, _: epochs.append(epoch))
    results = trained(*jobs, data=digits(120), setting=setting)
    assert epochs == [4]
    assert all(same_bits(one, other) for one, other in zip(results, unbroken, strict=True))


@pytest.mark.parametrize("case", ADAPTIVE)
def test_a_member_that_diverges_leaves_the_memories_of_the_others_and_reports_none(case: str) -> None:
    given, name = ADAPTIVE[case]

    def fleet(second: float) -> list[Result]:
        weights = ((1.0, 0), (second, 0), (2.0, 1))
        return trained(*(job(beta, seed=seed, length={"epochs": 2}, **given) for beta, seed in weights))

    calm, broken = fleet(2.0), fleet(1e39)
    assert all(same_bits(calm[position], broken[position]) for position in (0, 2))
    if broken[1].status is Status.DIVERGED:
        assert all(broken[1].row[other] is None for other in {name, "theta", "rate_nats"})
    else:
        assert case == "target rate"  # 1e39 is only the largest weight it may use
    assert calm[0].status is calm[2].status is Status.OK


def test_the_optimal_variance_of_a_result_is_that_of_the_training_data_and_not_of_the_test_data() -> None:
    given = digits()
    bright = Data(given.train, given.valid, np.minimum(given.test * 3, 1).astype(np.float32))
    one = job(1.0, likelihood=GREY, length={"epochs": 20, "lr": 1e-2})
    usual, other = (trained(one, data=data)[0].row for data in (given, bright))
    assert usual["fitted_sigma2"] == other["fitted_sigma2"]
    assert float(other["recon_mse"] or 0) > 1.5 * float(usual["recon_mse"] or 0)
    for row in (usual, other):
        sigma2, sse = float(row["fitted_sigma2"] or 0), float(row["recon_sse"] or 0)
        expected = sse / (2 * sigma2) + INPUT_DIM / 2 * math.log(2 * math.pi * sigma2)
        assert row["distortion_nats"] == pytest.approx(expected, rel=8e-6)  # 2 * 64 * 6e-8, as in evaluation
        assert row["theta"] == pytest.approx(sigma2, rel=1e-12)


def test_a_last_batch_of_one_datum_breaks_no_objective_on_pairs() -> None:
    result = trained(job(objective=InfoMmd()), data=digits(65))[0]  # batches of 64
    assert result.status is Status.OK


def test_the_estimate_of_the_total_correlation_is_never_reported() -> None:
    """It is right in its gradient alone: Chen et al.'s constants make its value a dozen nats wrong."""
    result = trained(job(2.0, objective="beta_tc"))[0]
    assert set(result.row) == set(trained(job(2.0))[0].row)
