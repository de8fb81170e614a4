"""At one beta the reductions are one objective times a number; what that number changes is the optimiser's doing."""

import pytest
from small import INPUT_DIM, digits, furthest, job, trained

from klsweep.result import Result
from klsweep.vae.weights import Reduction

SCALE = {
    Reduction.SUM: 1,
    Reduction.MEAN: INPUT_DIM,
    Reduction.MEAN_RECON: INPUT_DIM,
    Reduction.MEAN_KL: 1,
}
"""1 / a."""


def by_sgd(reduction: Reduction, lr: float, **length: float) -> Result:
    settings = {"optimizer": "sgd", "lr": lr, "momentum": 0.9, "epochs": 2, **length}
    return trained(job(2.0, reduction=reduction, latent_dim=5, length=settings), data=digits(200))[0]


@pytest.mark.parametrize("reduction", Reduction)
def test_at_one_beta_sgd_with_its_rate_times_1_over_a_walks_the_same_path(reduction: Reduction) -> None:
    """Digits have N = 64 dimensions, a power of two, so a scales every gradient without rounding: tolerance 0."""
    summed = by_sgd(Reduction.SUM, 1e-4)
    scaled = by_sgd(reduction, 1e-4 * SCALE[reduction])
    assert furthest(summed, scaled) == 0
    for metric in ("distortion_nats", "rate_nats", "recon_sse", "active_units"):
        assert scaled.row[metric] == summed.row[metric]
    losses, scaled_losses = (
        [row[name] for row in result.curve for name in ("train_loss", "valid_loss")]
        for result in (summed, scaled)
    )
    assert [loss * SCALE[reduction] for loss in scaled_losses] == losses


def test_at_one_beta_and_one_rate_sgd_tells_the_scales_of_the_reductions_apart() -> None:
    summed, averaged = by_sgd(Reduction.SUM, 1e-4), by_sgd(Reduction.MEAN, 1e-4)
    kl_averaged = by_sgd(Reduction.MEAN_KL, 1e-4)
    assert furthest(summed, kl_averaged) == 0  # a is 1 in both
    assert averaged.row["distortion_nats"] > summed.row["distortion_nats"]  # a 64th of the way


def test_at_one_beta_weight_decay_weighs_more_where_the_loss_is_a_mean() -> None:
    strong = {"weight_decay": 0.5, "momentum": 0.0}
    summed = by_sgd(Reduction.SUM, 1e-4, **strong)
    averaged = by_sgd(Reduction.MEAN, 1e-4 * INPUT_DIM, **strong)
    norms = [
        sum(float((value**2).sum()) for value in result.weights.values()) for result in (summed, averaged)
    ]
    assert norms[1] < norms[0]


def test_at_one_beta_adam_hardly_sees_the_reduction() -> None:
    summed, averaged = trained(job(2.0), job(2.0, reduction=Reduction.MEAN))
    # Adam divides by |g| + 1e-8, so a scale of 1/64 acts where |g| falls towards 1e-6: a small part of the weights.
    assert averaged.row["elbo_nats"] == pytest.approx(summed.row["elbo_nats"], rel=1e-2)
    assert averaged.row["elbo_nats"] != summed.row["elbo_nats"]


def test_two_betas_never_give_one_result() -> None:
    betas = [0.0, 1e-3, 1.0, 1.001, 4.0, 100.0]
    for settings in ({}, {"optimizer": "sgd", "lr": 1e-4}):
        results = trained(*(job(beta, length=settings) for beta in betas), data=digits(100))
        assert len({result.row["rate_nats"] for result in results}) == len(betas)
        assert len({result.curve[0]["train_loss"] for result in results}) == len(betas)


def test_one_raw_weight_gives_four_results_and_the_rows_say_why() -> None:
    results = trained(*(job(beta=None, weight=0.5, reduction=reduction) for reduction in Reduction))
    assert [result.row["weight"] for result in results] == [0.5] * 4
    assert [result.row["beta"] for result in results] == [0.5, 8.0, 32.0, 0.125]
    assert len({result.row["rate_nats"] for result in results}) == 4
