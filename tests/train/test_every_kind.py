"""Every kind of every family keeps the contract: it trains, alone as in a fleet, and is known by its content.

A kind without an example in the table fails here.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError
from small import job, trained

from klsweep.data import Data, Grammar
from klsweep.part import Part, kind_of, members
from klsweep.result import Result, Status
from klsweep.running.fleets import fleets
from klsweep.spec.job import FAMILIES, Job

OWN = {"kind": "custom", "target": "own_network:OwnNetwork", "folder": str(Path(__file__).parent)}

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "likelihood": [
        {"kind": "bernoulli"},
        {"kind": "gaussian"},
        {"kind": "gaussian", "variance": "learned"},
        {"kind": "gaussian", "variance": "learned_per_dim"},
        {"kind": "gaussian", "variance": "optimal"},
        {"kind": "mse"},
        {"kind": "laplace", "b": 0.5},
        {"kind": "laplace", "b": "learned"},
        {"kind": "laplace", "b": "learned_per_dim"},
        {"kind": "laplace", "b": "optimal"},
        {"kind": "continuous_bernoulli"},
        {"kind": "beta", "epsilon": 0.01},
        {"kind": "categorical", "levels": 17},
        {"kind": "discretized_logistic", "levels": 17},
        {"kind": "tokens", "vocabulary": 83},
    ],
    "objective": [
        {"kind": "elbo"},
        {"kind": "free_bits", "floor": 1e-4},
        {"kind": "free_bits", "floor": 1e-3, "per": "datum"},
        {"kind": "capacity", "nats": 3.0},
        {"kind": "target_rate", "nats": 0.01},
        {"kind": "geco", "sse": 10.0},
        {"kind": "balanced"},
        {"kind": "beta_tc"},
        {"kind": "info_mmd", "mmd": 10.0},
        {"kind": "dip", "version": "I"},
        {"kind": "dip", "version": "II"},
    ],
    "schedule": [
        {"kind": "constant"},
        {"kind": "linear", "warmup": 0.8},
        {"kind": "sigmoid"},
        {"kind": "cosine"},
        {"kind": "cyclical", "cycles": 2},
        {"kind": "monotonic"},
        {"kind": "per_epoch", "epochs": 1},
    ],
    "model": [
        {"kind": "linear"},
        {"kind": "mlp", "hidden": [16, 8], "activation": "gelu"},
        {"kind": "conv", "channels": [4], "hidden": 8},
        {"kind": "lstm", "hidden": 8, "embedding": 4},
        {"kind": "gru", "hidden": 8, "embedding": 4, "word_dropout": 0.2, "dropout": 0.1},
        {"kind": "unigram"},
        OWN,
    ],
}
CASES = [(family, example) for family, examples in EXAMPLES.items() for example in examples]
IDS = ["-".join(str(value) for name, value in each.items() if name != "folder") for _, each in CASES]
every_example = pytest.mark.parametrize(("family", "example"), CASES, ids=IDS)


@pytest.mark.parametrize(
    "likelihood", [each for each in EXAMPLES["likelihood"] if each["kind"] != "tokens"], ids=str
)
def test_a_member_that_diverges_is_told_so_under_every_likelihood(likelihood: dict[str, Any]) -> None:
    calm, broken = trained(*(job(beta, likelihood=likelihood) for beta in (1.0, 1e39)))
    assert (calm.status, broken.status) == (Status.OK, Status.DIVERGED)


KINDS = [part for family in EXAMPLES for part in members(FAMILIES[family]).values()]
every_kind = pytest.mark.parametrize("part", KINDS, ids=[part.__name__ for part in KINDS])


SENTENCES = {
    "dataset": Grammar(),
    "model": {"kind": "lstm", "hidden": 8, "embedding": 4},
    "likelihood": {"kind": "tokens", "vocabulary": 83},
}
"""What an example of text goes with."""


def jobs_of(family: str, example: dict[str, Any]) -> list[Job]:
    """Two weights, the first so small that it binds wherever a weight is a bound, and two seeds."""
    given = SENTENCES if example["kind"] in ("tokens", "lstm", "gru", "unigram") else {}
    return [
        job(beta, seed=seed, length={"epochs": 2}, **given | {family: example})
        for beta, seed in [(1e-4, 0), (2e-4, 0), (5.0, 1)]
    ]


@cache
def text() -> Data:
    data = Grammar().load()
    return replace(data, train=data.train[:300], test=data.test[:100], lengths=None)


def trained_as_planned(*jobs: Job) -> list[Result]:
    """By fleets as a sweep would train them: of one where a model cannot be stacked."""
    data = text() if jobs[0].likelihood.tokens else None
    planned = fleets(jobs, "cpu", cores=1)
    done = [result for fleet in planned for result in trained(*fleet.jobs, data=data)]
    assert [result.job_id for result in done] == [one.id for one in jobs]
    return done


def part_of(family: str, one: Job) -> Part:
    part: Part = getattr(one, family)
    return part


@pytest.mark.parametrize("family", EXAMPLES)
def test_every_kind_has_an_example(family: str) -> None:
    assert {example["kind"] for example in EXAMPLES[family]} == set(members(FAMILIES[family]))


@every_example
def test_it_trains_to_finite_numbers_in_a_fleet_as_alone(family: str, example: dict[str, Any]) -> None:
    jobs = jobs_of(family, example)
    together = trained_as_planned(*jobs)
    for one, result in zip(jobs, together, strict=True):
        assert result.status is Status.OK
        numbers = {name: value for name, value in result.row.items() if isinstance(value, float)}
        assert [name for name, value in numbers.items() if not np.isfinite(value)] == []
        assert all(np.isfinite(weights).all() for weights in result.weights.values())
        alone = trained_as_planned(one)[0]
        del numbers["train_seconds"]
        for name, value in numbers.items():
            # As in test_fleets: sums of 64 float32 products in another order, four layers forth and back, and twice
            # the steps. A rate may be next to nothing, with the rounding of terms of size 1.
            assert alone.row[name] == pytest.approx(value, rel=80 * 3.8e-6, abs=64 * 6e-8)


@every_example
def test_two_weights_never_give_the_same_model(family: str, example: dict[str, Any]) -> None:
    one, other = (trained_as_planned(each)[0] for each in jobs_of(family, example)[:2])
    differ = any(not np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert differ == (example["kind"] != "unigram")  # which has no code, so no weight acts on it


@every_example
def test_it_is_known_by_its_content_after_a_way_through_json(family: str, example: dict[str, Any]) -> None:
    one = jobs_of(family, example)[0]
    text = json.dumps(one.identity)
    assert "folder" not in text  # no path in an identity
    given = json.loads(text)
    given[family] |= {"folder": example["folder"]} if "folder" in example else {}
    again = Job.model_validate(given)
    assert (again.id, again.identity) == (one.id, one.identity)
    assert part_of(family, again) == part_of(family, one)


@every_example
def test_its_label_names_it_and_what_is_not_default(family: str, example: dict[str, Any]) -> None:
    part = part_of(family, jobs_of(family, example)[0])
    assert part.label.startswith(example["kind"])
    fields = type(part).model_fields
    set_otherwise = [name for name in example if getattr(part, name) != fields[name].default]
    assert [name for name in set_otherwise if f"{name}=" not in part.label and name != "folder"] == []


@every_kind
def test_it_says_what_it_is_where_it_comes_from_and_what_its_settings_are(part: type[Part]) -> None:
    assert part.__doc__
    assert part.source
    for name, field in part.model_fields.items():
        if name != "kind":
            assert field.description, f"{kind_of(part)}.{name} has no description"


@every_kind
def test_it_is_final_frozen_and_refuses_what_it_does_not_know(part: type[Part]) -> None:
    assert part.__subclasses__() == []
    assert get_args(part.model_fields["kind"].annotation) == (part.model_fields["kind"].default,)
    with pytest.raises(ValidationError):
        part.model_validate({"unheard_of": 1})
