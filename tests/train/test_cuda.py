"""A GPU trains what a CPU trains, from the same random numbers, up to the rounding of float32."""

import numpy as np
import pytest
import torch
from small import digits, job, same_bits, trained

from klsweep.result import Status
from klsweep.train import Setting
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
        # cuDNN convolves in TF32 unless told otherwise: 2^-11 = 4.9e-4 relative in each of four layers, both ways.
        for name in METRICS:
            assert left.row[name] == pytest.approx(right.row[name], rel=8 * 4.9e-4)


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
