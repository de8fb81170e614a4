"""Random numbers depend on seed, purpose and epoch, and on nothing else."""

from itertools import combinations
from typing import get_args

import pytest
import torch
from small import INPUT_DIM, digits, job, trained

from klsweep.train import streams
from klsweep.train.assembly import assemble
from klsweep.train.batches import epoch_batches, noise_for, of_members
from klsweep.train.fleet import Fleet, Members
from klsweep.vae.models import Conv, Mlp

SHAPES = ((1, 8, 8), 4, 1)


def assembled(*jobs) -> tuple[Fleet, Members]:
    return assemble(jobs, (1, 8, 8), train_size=300, device=torch.device("cpu"))


def test_one_key_gives_one_stream_and_every_other_key_another() -> None:
    keys = [
        (seed, purpose, epoch)
        for seed in (0, 1, 2**40)
        for purpose in get_args(streams.Purpose)
        for epoch in (0, 1)
    ]
    drawn = [torch.rand(8, generator=streams.generator(*key)) for key in keys]
    again = [torch.rand(8, generator=streams.generator(*key)) for key in reversed(keys)]
    assert all(torch.equal(one, other) for one, other in zip(drawn, reversed(again), strict=True))
    assert not any(torch.equal(one, other) for one, other in combinations(drawn, 2))


def test_streams_of_neighbouring_seeds_are_uncorrelated() -> None:
    n = 10_000
    rows = torch.stack([torch.randn(n, generator=streams.generator(seed, "noise")) for seed in range(8)])
    between = torch.corrcoef(rows)[~torch.eye(8, dtype=torch.bool)]
    assert between.abs().max() < 4 / n**0.5  # 4 standard errors of a correlation of independent streams


@pytest.mark.parametrize("model", [Mlp(hidden=(16,)), Conv(channels=(4,), hidden=8)])
def test_initial_weights_depend_on_the_seed_and_on_no_other_job(model: Mlp | Conv) -> None:
    first = streams.network(model, 3, SHAPES).state_dict()
    streams.network(Mlp(), 4, SHAPES)
    torch.rand(5)
    again, other = (streams.network(model, seed, SHAPES).state_dict() for seed in (3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_a_member_sees_the_same_numbers_in_any_fleet_and_at_any_position() -> None:
    alone, _ = assembled(job(1.0, seed=5))
    crowd, _ = assembled(*[job(beta, seed=seed) for beta in (0.1, 9.0) for seed in (2, 5, 0)])
    data = torch.from_numpy(digits().train)
    for epoch in (0, 3):
        pairs = zip(
            epoch_batches(alone, data, epoch, dynamic=True),
            epoch_batches(crowd, data, epoch, dynamic=True),
            strict=True,
        )
        for (x, noise), batch in pairs:
            x_crowd, noise_crowd = (of_members(crowd, each) for each in batch)
            for position in (1, 4):
                assert torch.equal(x[0], x_crowd[position])
                assert torch.equal(noise[0], noise_crowd[position])
            assert not torch.equal(x[0], x_crowd[0])
    assert torch.equal(noise_for(alone, 50, "test noise")[0], noise_for(crowd, 50, "test noise")[1])


def test_members_of_one_seed_start_from_one_network_wherever_they_stand() -> None:
    _, alone = assembled(job(1.0, seed=5))
    _, crowd = assembled(job(0.1, seed=2), job(9.0, seed=5), job(2.0, seed=5, reduction="mean"))
    for name, value in alone.parameters.items():
        assert torch.equal(value[0], crowd.parameters[name][1])
        assert torch.equal(value[0], crowd.parameters[name][2])
        assert not torch.equal(value[0], crowd.parameters[name][0])


def test_training_neither_reads_nor_moves_torchs_global_generator() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = trained(job(), data=digits(100))[0]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert trained(job(), data=digits(100))[0].row["elbo_nats"] == first.row["elbo_nats"]


@pytest.mark.parametrize("purpose", get_args(streams.Purpose))
def test_evaluation_noise_never_is_training_noise(purpose: streams.Purpose) -> None:
    fleet, _ = assembled(job())
    others = [other for other in get_args(streams.Purpose) if other != purpose]
    drawn = noise_for(fleet, 20, purpose)
    assert not any(torch.equal(drawn, noise_for(fleet, 20, other)) for other in others)
    assert not torch.equal(drawn, noise_for(fleet, 20, purpose, epoch=1))


def test_every_datum_comes_once_an_epoch_in_a_new_order_and_the_last_batch_is_what_is_left() -> None:
    fleet, _ = assembled(job(seed=1), job(seed=2))
    data = torch.arange(300.0).repeat_interleave(INPUT_DIM).view(300, 1, 8, 8)
    orders = []
    for epoch in (0, 1):
        batches = [x for x, _ in epoch_batches(fleet, data, epoch, dynamic=False)]
        assert [x.shape[1] for x in batches] == [64, 64, 64, 64, 44]
        orders += list(torch.cat(batches, dim=1)[:, :, 0, 0, 0])
    assert all(sorted(order.tolist()) == list(range(300)) for order in orders)
    assert not any(torch.equal(one, other) for one, other in combinations(orders, 2))


def test_dynamic_data_are_coins_tossed_anew_in_every_epoch_with_the_right_frequency() -> None:
    fleet, _ = assembled(job(seed=1))
    grey = torch.full((300, 1, 8, 8), 0.3)
    tossed = [
        torch.cat([x[0] for x, _ in epoch_batches(fleet, grey, epoch, dynamic=True)]) for epoch in range(5)
    ]
    assert all(set(x.unique().tolist()) == {0.0, 1.0} for x in tossed)
    agreeing = [(one == other).float().mean().item() for one, other in combinations(tossed, 2)]
    tosses = 300 * INPUT_DIM
    # Independent coins agree with probability p^2 + (1 - p)^2 = 0.58; bounds of 4 standard errors of frequencies.
    assert agreeing == pytest.approx([0.58] * 10, abs=4 * (0.58 * 0.42 / tosses) ** 0.5)
    mean = torch.stack(tossed).mean().item()
    assert mean == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / (5 * tosses)) ** 0.5)


def test_dynamic_data_that_are_certain_stay_as_they_are() -> None:
    fleet, _ = assembled(job(seed=1))
    sure = (torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    seen = torch.cat([x[0] for x, _ in epoch_batches(fleet, sure, 0, dynamic=True)])
    still = torch.cat([x[0] for x, _ in epoch_batches(fleet, sure, 0, dynamic=False)])
    assert torch.equal(seen, still)
