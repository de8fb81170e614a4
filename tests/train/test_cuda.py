"""A GPU trains what a CPU trains, from the same random numbers, up to the rounding of float32."""

import numpy as np
import pytest
import torch
from small import digits, job, same_bits, trained

from klsweep.result import Status
from klsweep.train import Setting, loop, step
from klsweep.vae.models import Conv, Linear, Mlp, Model

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
METRICS = ("distortion_nats", "rate_nats", "recon_sse")


def gpu() -> Setting:
    return Setting(device=torch.device("cuda"))


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("model", [Linear(), Mlp(hidden=(32,))])
def test_a_dense_fleet_measures_on_a_gpu_what_it_measures_on_a_cpu(model: Model, dynamic: bool) -> None:
    jobs = [job(beta, seed=seed, model=model) for beta in (0.1, 1.0, 4.0) for seed in range(3)]
    data = digits(dynamic=dynamic)
    there, here = trained(*jobs, data=data, setting=gpu()), trained(*jobs, data=data)
    for left, right in zip(there, here, strict=True):
        # Sums of 64 products in another order, 3.8e-6 relative, four layers forth and back over five steps.
        for name in METRICS:
            assert left.row[name] == pytest.approx(right.row[name], rel=40 * 3.8e-6)


def test_a_convolutional_fleet_measures_on_a_gpu_what_it_measures_on_a_cpu() -> None:
    jobs = [job(beta, model=Conv(channels=(8, 16), hidden=32)) for beta in (0.1, 1.0, 4.0)]
    there, here = trained(*jobs, setting=gpu()), trained(*jobs)
    for left, right in zip(there, here, strict=True):
        # Sums of up to 256 products in float32, 1.5e-5 relative; cuDNN is not let to use TF32 unless asked.
        for name in METRICS:
            assert left.row[name] == pytest.approx(right.row[name], rel=40 * 1.5e-5)


def test_tf32_is_near_float32_and_told() -> None:
    rounded, exact = (
        trained(job(2.0, length={"precision": name}), setting=gpu())[0] for name in ("tf32", "fp32")
    )
    assert (rounded.provenance["precision"], exact.provenance["precision"]) == ("tf32", "fp32")
    for name in METRICS:  # factors of 11 bits, 2^-11 = 4.9e-4 relative, in each of four layers, both ways
        assert rounded.row[name] == pytest.approx(exact.row[name], rel=8 * 4.9e-4)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("model", [Mlp(hidden=(32,)), Conv(channels=(8, 16), hidden=32)])
def test_steps_replayed_from_a_recording_train_what_plain_steps_train(
    model: Model, precision: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = {"epochs": 4, "precision": precision, "optimizer": optimizer, "lr_decay": "cosine", "clip": 10.0}
    jobs = [job(beta, model=model, length=length) for beta in (0.1, 1.0, 4.0)]
    replayed = trained(
        *jobs, setting=gpu()
    )  # that none could be recorded would be a warning, and so an error
    monkeypatch.setattr(loop, "can_be_recorded", lambda _fleet: False)
    plain = trained(*jobs, setting=gpu())
    for left, right in zip(replayed, plain, strict=True):
        for name in METRICS:  # the same kernels; those of cuDNN may sum in another order
            assert left.row[name] == pytest.approx(right.row[name], rel=40 * 1.5e-5)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_the_host_waits_for_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = step.Step.__call__

    def strictly(self: step.Step, given: step.Inputs) -> None:
        torch.cuda.set_sync_debug_mode("error")
        try:
            taken(self, given)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(step.Step, "__call__", strictly)
    monkeypatch.setattr(loop, "can_be_recorded", lambda _fleet: False)
    assert trained(job(1.0), job(2.0), setting=gpu())[0].status is Status.OK


def test_a_dense_fleet_has_the_same_bits_twice_on_one_gpu() -> None:
    jobs = [job(beta, seed=seed) for beta in (0.1, 4.0) for seed in range(2)]
    first, second = (trained(*jobs, setting=gpu()) for _ in range(2))
    assert all(same_bits(left, right) for left, right in zip(first, second, strict=True))


def test_a_member_that_diverges_on_a_gpu_leaves_the_others_untouched_to_the_bit() -> None:
    calm, broken = (trained(job(1.0), job(beta), job(0.5), setting=gpu()) for beta in (2.0, 1e39))
    assert broken[1].status is Status.DIVERGED
    assert same_bits(calm[0], broken[0])
    assert same_bits(calm[2], broken[2])


def test_training_on_a_gpu_moves_none_of_torchs_global_generators() -> None:
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    trained(job(), setting=gpu())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(torch.cuda.get_rng_state(), before[1])


def test_results_from_a_gpu_are_plain_numpy() -> None:
    result = trained(job(), setting=gpu())[0]
    assert all(isinstance(value, np.ndarray) for value in (*result.weights.values(), *result.arrays.values()))
    assert result.provenance["device"] == "cuda"
