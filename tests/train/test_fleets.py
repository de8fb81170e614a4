"""Members of a fleet do not meet: each trains as it would alone, and one that breaks breaks alone."""

from typing import Any

import numpy as np
import pytest
from small import digits, furthest, job, same_bits, trained

from klsweep.data import Data
from klsweep.result import Result, Status
from klsweep.store import codec
from klsweep.train import Setting
from klsweep.vae.models import Conv, Linear, Mlp, Model

METRICS = ("distortion_nats", "rate_nats", "elbo_nats", "recon_sse", "recon_mse", "recon_bce")
SGD = {"optimizer": "sgd", "lr": 1e-4}
ABSURD = 1e30


@pytest.mark.parametrize("model", [Linear(), Mlp(hidden=(32,)), Conv(channels=(4,), hidden=16)])
def test_nine_members_measure_together_what_they_measure_alone(model: Model) -> None:
    jobs = [job(beta, seed=seed, model=model) for beta in (0.1, 1.0, 4.0) for seed in range(3)]
    together = trained(*jobs)
    alone = [trained(one)[0] for one in jobs]
    for member, single in zip(together, alone, strict=True):
        assert member.job_id == single.job_id
        # A float32 sum of up to 64 products errs by 64 eps / 2 = 3.8e-6 relative; four such layers forth and back
        # over five steps of Adam, whose step does not depend on the gradient's size: at most 40 times that.
        for metric in METRICS:
            assert member.row[metric] == pytest.approx(single.row[metric], rel=40 * 3.8e-6)
        assert member.row["active_units"] == single.row["active_units"]
        assert member.curve[0]["train_loss"] == pytest.approx(single.curve[0]["train_loss"], rel=40 * 3.8e-6)


def test_results_come_in_the_order_of_the_jobs_whatever_that_is() -> None:
    jobs = [job(beta, seed=seed) for seed, beta in [(2, 4.0), (0, 0.1), (2, 0.1), (1, 4.0)]]
    for order in (jobs, jobs[::-1]):
        results = trained(*order, data=digits(100))
        assert [result.job_id for result in results] == [one.id for one in order]
        assert [result.row["beta"] for result in results] == [one.beta for one in order]


def test_jobs_of_other_shapes_or_optimisers_do_not_train_as_one_fleet() -> None:
    for other in (job(latent_dim=5), job(length={"lr": 0.5}), job(likelihood="mse"), job(model=Linear())):
        with pytest.raises(AssertionError):
            trained(job(), other)


@pytest.mark.parametrize("model", [Mlp(hidden=(32,)), Conv(channels=(4,), hidden=16)])
@pytest.mark.parametrize("length", [SGD, {**SGD, "momentum": 0.9}, {**SGD, "clip": 10.0}])
def test_a_member_that_diverges_leaves_the_others_untouched_to_the_bit(
    model: Model, length: dict[str, Any]
) -> None:
    def fleet(second: float) -> list[Result]:
        betas = (1.0, second, 0.5, 4.0)
        return trained(*(job(beta, model=model, length={**length, "epochs": 3}) for beta in betas))

    calm, broken = fleet(2.0), fleet(1e39)
    assert [result.status for result in broken] == [Status.OK, Status.DIVERGED, Status.OK, Status.OK]
    for position in (0, 2, 3):
        assert same_bits(calm[position], broken[position])


def test_a_member_that_diverges_under_adam_leaves_the_others_untouched_to_the_bit() -> None:
    calm, broken = (trained(job(1.0), job(beta), job(0.5)) for beta in (2.0, 1e39))
    assert broken[1].status is Status.DIVERGED
    assert same_bits(calm[0], broken[0])
    assert same_bits(calm[2], broken[2])


def test_a_diverged_member_says_so_and_reports_no_number() -> None:
    good, bad = trained(job(1.0, length={**SGD, "epochs": 4}), job(ABSURD, length={**SGD, "epochs": 4}))
    assert good.status is Status.OK
    assert len(good.curve) == 4
    assert (bad.status, bad.row["status"]) == (Status.DIVERGED, "diverged")
    assert {name for name in good.row if bad.row[name] is None and good.row[name] is not None} == {
        *METRICS,
        "active_units",
        "active_units_kl",
    }
    assert bad.row["beta"] == ABSURD
    assert len(bad.curve) == 1  # it ends with the epoch in which the loss was lost
    assert not np.isfinite(float(bad.curve[0]["train_loss"] or 0))
    assert (bad.weights, bad.arrays) == ({}, {})
    assert "in epoch 1 of 4" in bad.error
    assert "train.lr" in bad.error


def test_a_fleet_whose_members_have_all_diverged_stops_there() -> None:
    epochs: list[int] = []
    setting = Setting(on_epoch=lambda epoch, _epochs: epochs.append(epoch))
    jobs = [job(beta, length={**SGD, "epochs": 5}) for beta in (ABSURD, 2 * ABSURD)]
    results = trained(*jobs, setting=setting)
    assert epochs == [1]
    assert [result.status for result in results] == [Status.DIVERGED] * 2


def test_a_member_that_breaks_in_the_last_step_is_found_on_the_held_out_data() -> None:
    calm = digits(64)  # one step: its loss is measured before the parameters move
    absurd = {"optimizer": "sgd", "lr": 1e30}
    result = trained(job(length=absurd), data=calm)[0]
    assert np.isfinite(float(result.curve[0]["train_loss"] or np.nan))
    assert result.status is Status.DIVERGED
    assert "on the held-out data" in result.error


def test_a_fleet_trains_without_validation_data_and_leaves_their_columns_empty() -> None:
    data = digits(100)
    result = trained(job(), data=Data(data.train, data.valid[:0], data.test))[0]
    assert result.status is Status.OK
    columns = [name for name in result.curve[0] if name.startswith("valid_")]
    assert len(columns) == 4
    stored = codec.decode_curve(codec.encode_curve(result.curve))
    assert [stored[0][name] for name in columns] == [None] * 4
    assert furthest(result, trained(job(), data=data)[0]) == 0  # and validation touches nothing


def test_a_weight_whose_squared_gradient_overflows_is_diverged_not_calm() -> None:
    # float32 ends at 3.4e38: a gradient of 1e20 and more has no square, Adam divides by infinity and stands still
    results = trained(job(1.0), job(1e22))
    assert [result.status for result in results] == [Status.OK, Status.DIVERGED]
