"""`train.precision`: who computes in bfloat16, that the rest stays float32, and that old jobs keep their ids."""

import pytest
import torch
from small import digits, furthest, job, same_bits, trained
from torch import Tensor

from klsweep.spec.job import Job
from klsweep.train import Setting, precision, streams
from klsweep.train.assembly import assemble
from klsweep.vae.likelihoods import Gaussian
from klsweep.vae.models import Conv, Linear, Mlp, Model

CPU = torch.device("cpu")
EPS16 = torch.finfo(torch.bfloat16).eps
MODELS: list[Model] = [Linear(), Mlp(hidden=(32,)), Conv(channels=(4,), hidden=16)]


def half(beta: float = 1.0, **given: object) -> Job:
    return job(beta, length={"precision": "bf16"}, **given)


def test_a_job_in_float32_has_the_id_it_had_before_there_was_a_choice() -> None:
    plain, said, other = (job(length=length) for length in ({}, {"precision": "fp32"}, {"precision": "bf16"}))
    assert plain.id == said.id != other.id
    assert "precision" not in plain.identity["train"]
    assert other.identity["train"]["precision"] == "bf16"
    assert Job.model_validate(other.identity).id == other.id


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"avx512_bf16"}, "bf16"),
        ({"amx_bf16", "avx512f"}, "bf16"),
        ({"avx512f", "avx2"}, "fp32"),
        (set(), "fp32"),
    ],
)
def test_auto_is_bf16_where_the_processor_multiplies_it(
    known: set[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "features", lambda: frozenset(known))
    assert precision.resolved("auto", CPU) == expected
    assert precision.resolved("fp32", CPU) == "fp32"
    assert precision.resolved("bf16", CPU) == "bf16"
    assert precision.resolved("tf32", CPU) == "fp32"
    auto = trained(job(length={"precision": "auto"}))[0]
    asked = trained(job(length={"precision": expected}))[0]
    assert auto.provenance["precision"] == expected
    assert furthest(auto, asked) == 0


@pytest.mark.parametrize("model", MODELS)
def test_a_step_in_bf16_differs_from_one_in_float32_by_the_rounding_of_bf16(model: Model) -> None:
    found = []
    for one in (job(2.0, model=model), half(2.0, model=model)):
        fleet, members = assemble([one], (1, 8, 8), train_size=64, device=CPU)
        x = torch.from_numpy(digits().train[:64])[None]
        noise = torch.randn(1, 64, 4, generator=streams.generator(0, "noise"))
        seen = fleet.losses(members, x, noise, torch.tensor([2.0]))
        assert all(each.dtype == torch.float32 for each in seen[:3])
        slopes = [slope for slope in fleet.gradients(seen.loss) if slope is not None]
        assert len(slopes) == len(members.parameters)
        assert all(slope.dtype == torch.float32 for slope in slopes)
        found.append((seen, slopes))
    (exact, slopes), (seen, rounded) = found
    assert not torch.equal(exact.loss, seen.loss), "the networks did compute in half precision"
    # Every layer rounds its input, weight and output, each by EPS16 / 2 of its value: six layers at most.
    assert seen.loss.item() == pytest.approx(exact.loss.item(), rel=6 * 3 * EPS16 / 2)
    for one, other in zip(slopes, rounded, strict=True):
        assert (
            _norm(one - other) <= 2 * 6 * 3 * EPS16 / 2 * _norm(one) + 1e-6
        )  # there, and back through as many


@pytest.mark.parametrize("model", MODELS)
def test_a_fleet_in_bf16_has_the_same_bits_twice_and_parameters_in_float32(model: Model) -> None:
    first, second = (trained(half(1.0, model=model), half(3.0, model=model)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert same_bits(one, other)
        assert all(value.dtype == "float32" for value in one.weights.values())
        assert one.provenance["precision"] == "bf16"


def test_results_are_measured_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    encode = torch.nn.Sequential.forward

    def watched(self: torch.nn.Sequential, x: Tensor) -> Tensor:
        seen.append(torch.is_autocast_enabled("cpu"))
        return encode(self, x)

    monkeypatch.setattr(torch.nn.Sequential, "forward", watched)
    trained(half(), data=digits(64))
    # one step, encoder and decoder, under autocast; the validation and the test split, each of one chunk, without
    assert seen == [True, True, False, False, False, False]


def test_bf16_ends_where_float32_ends_within_the_noise_of_seeds() -> None:
    length = {"epochs": 8, "lr": 3e-3}
    likelihood = Gaussian(variance=0.5)
    ends = {
        name: [
            [result.row[column] for column in ("distortion_nats", "rate_nats")]
            for result in trained(
                *(
                    job(1.0, seed=seed, length={**length, "precision": name}, likelihood=likelihood)
                    for seed in range(6)
                ),
                data=digits(1200, testing=300),
                setting=Setting(),
            )
        ]
        for name in ("fp32", "bf16")
    }
    exact, rounded = (torch.tensor(ends[name], dtype=torch.float64) for name in ("fp32", "bf16"))
    # Pairs share weights, batches and noise, so they differ by rounding; four standard errors of a mean of six seeds.
    noise = 4 * exact.std(0) / len(exact) ** 0.5
    assert ((rounded - exact).mean(0).abs() <= noise).all(), ((rounded - exact).mean(0), noise)


def _norm(value: Tensor) -> float:
    return float(value.double().norm())
