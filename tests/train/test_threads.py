"""What the number of threads may change: nothing in a fleet of several dense members, rounding in a fleet of one.

A fleet's batched products give each member to one thread, so a member's sums do not depend on how many there are.
The one product of a lone dense model is itself cut up among the threads (seen where the latents are no multiple of
16), as are convolutions; their bits hold for one number of threads only, and so they are promised: same job, same
fleet, same threads.
"""

import numpy as np
import pytest
import torch
from small import digits, job, same_bits, trained

from klsweep.vae.models import Conv, Linear, Mlp, Model

DENSE = [Linear(), Mlp(hidden=(32,)), Mlp(hidden=(100, 50))]


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="measured with the MKL only")
@pytest.mark.parametrize("latent_dim", [3, 10, 16])
@pytest.mark.parametrize("model", DENSE)
def test_a_dense_fleet_of_nine_has_the_same_bits_on_one_thread_and_on_two(
    model: Model, latent_dim: int
) -> None:
    jobs = [
        job(beta, seed=seed, model=model, latent_dim=latent_dim)
        for beta in (0.1, 1.0, 4.0)
        for seed in range(3)
    ]
    torch.set_num_threads(1)
    one = trained(*jobs, data=digits(200))
    torch.set_num_threads(2)
    two = trained(*jobs, data=digits(200))
    assert [result.provenance["threads"] for result in (one[0], two[0])] == [1, 2]
    assert all(same_bits(left, right) for left, right in zip(one, two, strict=True))


@pytest.mark.parametrize("model", [*DENSE, Conv(channels=(4,), hidden=16)])
def test_a_lone_model_depends_on_its_threads_by_rounding_alone(model: Model) -> None:
    lone = job(1.0, model=model, latent_dim=10)
    torch.set_num_threads(1)
    one = trained(lone)[0]
    torch.set_num_threads(2)
    two = trained(lone)[0]
    # As between a fleet and its members alone: forty times the 3.8e-6 of a float32 sum of 64 products.
    for name in ("distortion_nats", "rate_nats", "recon_sse"):
        assert two.row[name] == pytest.approx(one.row[name], rel=40 * 3.8e-6)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("model", [*DENSE, Conv(channels=(4,), hidden=16)])
def test_the_same_fleet_on_the_same_threads_has_the_same_bits(model: Model, threads: int) -> None:
    torch.set_num_threads(threads)
    for jobs in ([job(1.0, model=model)], [job(1.0, model=model), job(3.0, model=model)]):
        first = trained(*jobs)
        litter = [np.empty(size) for size in range(1, 99, 7)]  # other addresses for the second time
        second = trained(*jobs)
        assert all(same_bits(left, right) for left, right in zip(first, second, strict=True))
        del litter
