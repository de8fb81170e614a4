"""A curve has one whole row per epoch, and its weight is the one of the epoch's last step."""

import numpy as np
import pytest
from small import digits, job, trained

from klsweep.result import COLUMNS, CURVE_COLUMNS


def test_a_curve_row_has_every_column_and_a_result_row_too() -> None:
    result = trained(job(length={"epochs": 2}))[0]
    assert [set(row) for row in result.curve] == [set(CURVE_COLUMNS)] * 2
    assert set(COLUMNS) == set(result.row)


@pytest.mark.parametrize("unit", ["weight", "beta", "beta_norm"])
def test_the_weight_of_a_curve_follows_the_schedule(unit: str) -> None:
    """300 data by 64 make 5 steps an epoch; 4 epochs make 20, and warm-up is over after 10."""
    schedule = {"kind": "linear", "start": 0.1, "warmup": 0.5}
    one = job(**{"beta": None, unit: 3.0}, reduction="mean", schedule=schedule, length={"epochs": 4})
    curve = trained(one)[0].curve
    s = [0.1 + 0.9 * min(1.0, (last - 1) / 10) for last in (5, 10, 15, 20)]  # of the steps 4, 9, 14, 19
    raw = one.weighting(64).weight
    assert [row["epoch"] for row in curve] == [1, 2, 3, 4]
    assert [row["step"] for row in curve] == [5, 10, 15, 20]
    assert [row["s"] for row in curve] == pytest.approx(s, rel=1e-15)
    assert [row["weight"] for row in curve] == pytest.approx([raw * value for value in s], rel=1e-15)


def test_members_of_one_fleet_follow_their_own_schedules() -> None:
    schedules = ["constant", "linear", {"kind": "linear", "warmup": 1.0}]
    results = trained(*(job(2.0, schedule=schedule, length={"epochs": 2}) for schedule in schedules))
    assert [[row["s"] for row in result.curve] for result in results] == [[1, 1], [0.8, 1], [0.4, 0.9]]
    assert len({result.row["rate_nats"] for result in results}) == 3


def test_the_reported_beta_is_the_target_even_where_warm_up_has_barely_ended() -> None:
    result = trained(job(4.0, schedule={"kind": "linear", "warmup": 1.0}))[0]
    assert result.row["beta"] == 4.0
    assert float(result.curve[-1]["s"] or 0) < 1


def test_validation_loss_uses_the_weight_of_the_epoch_it_follows() -> None:
    schedule = {"kind": "linear", "warmup": 1.0}
    result = trained(job(8.0, schedule=schedule, length={"epochs": 3}))[0]
    for row in result.curve:
        distortion, rate = float(row["valid_distortion_nats"] or 0), float(row["valid_rate_nats"] or 0)
        assert row["valid_loss"] == pytest.approx(distortion + 8 * float(row["s"] or 0) * rate, rel=1e-5)


def test_training_lowers_the_loss_on_data_it_has_not_seen() -> None:
    curve = trained(job(1.0, length={"epochs": 5, "lr": 1e-2}), data=digits())[0].curve
    losses = [float(row["valid_loss"] or np.nan) for row in curve]
    assert losses[-1] < losses[0]


def test_active_units_of_the_validation_split_are_counted_every_epoch() -> None:
    """At beta 1000 every latent is dead; at beta 0.01 a latent that is trained at all varies by more than 0.01."""
    dead, alive = (
        trained(job(beta, length={"epochs": 5, "lr": 1e-2}), data=digits())[0] for beta in (1e3, 0.01)
    )
    counts = [[row["valid_active_units"] for row in each.curve] for each in (dead, alive)]
    assert counts[0][-1] == dead.row["active_units"] == 0
    assert counts[1][-1] == alive.row["active_units"] > 0
    assert all(0 <= count <= alive.row["latent_dim"] for each in counts for count in each)  # type: ignore[operator]


def test_provenance_names_what_trained_the_model() -> None:
    provenance = trained(job(), job(2.0))[0].provenance
    assert provenance["members"] == 2
    assert provenance["device"] == "cpu"
    assert {"torch", "python", "machine", "threads", "steps"} <= set(provenance)
