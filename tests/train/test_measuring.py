"""A trained model put together again from its weights is the model that was trained."""

import json
import math
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import pytest
import torch
from small import digits, job, trained
from test_every_kind import EXAMPLES, jobs_of, text, trained_as_planned

from klsweep.metrics import Evidence, MetricPart, Values
from klsweep.result import METRICS, UNMEASURED, Status
from klsweep.train import TrainedModel, measure, measured
from klsweep.vae import posterior

CPU = torch.device("cpu")


class Again(MetricPart):
    """What every job measures, measured again from the evidence."""

    kind: Literal["again"] = "again"
    bias: ClassVar[str] = "none"
    cost: ClassVar[str] = "one pass"

    def measure(self, evidence: Evidence) -> Values:
        seen = evidence.held_out
        expected = evidence.model.expected(evidence.z)
        rate = posterior.rate_per_latent(seen.mean, seen.logvar)
        return {
            "distortion_nats": -float(evidence.model.log_prob(seen.x, evidence.z).double().mean()),
            "rate_nats": float(rate.double().sum(1).mean()),
            "recon_sse": float((expected - seen.x).square().flatten(1).sum(1).double().mean()),
        }


class Drawn(MetricPart):
    """A number drawn from the evidence's generator, and facts of the splits."""

    kind: Literal["drawn"] = "drawn"
    bias: ClassVar[str] = "none"
    cost: ClassVar[str] = "none"

    def measure(self, evidence: Evidence) -> Values:
        training, held_out = evidence.training(), evidence.held_out
        return {
            "drawn": float(torch.rand((), generator=evidence.generator("drawn"))),
            "other": float(torch.rand((), generator=evidence.generator("other"))),
            "training": len(training),
            "held_out": len(held_out),
            "labels": len(held_out.labels),
            "train_mean": float(training.mean.mean()),
        }


class Failing(MetricPart):
    """Fails."""

    kind: Literal["failing"] = "failing"
    bias: ClassVar[str] = "none"
    cost: ClassVar[str] = "none"

    def measure(self, evidence: Evidence) -> Values:
        raise ValueError("no such thing")


def restored(one, result):
    return TrainedModel.restored(one, result.weights, digits().train.shape[1:], CPU)


CASES = [("likelihood", each) for each in EXAMPLES["likelihood"]] + [
    ("model", each) for each in EXAMPLES["model"]
]
IDS = ["-".join(str(value) for name, value in each.items() if name != "folder") for _, each in CASES]


@pytest.mark.parametrize(("family", "example"), CASES, ids=IDS)
def test_the_evidence_of_every_kind_is_of_the_model_that_was_trained(family, example):
    """Float32 passes of other shapes differ by rounding: sums of 64 terms of size 10 by some 1e-5 of themselves."""
    jobs = jobs_of(family, example)[1:]
    data = text() if jobs[0].likelihood.tokens else digits()
    for one, result in zip(jobs, trained_as_planned(*jobs), strict=True):
        model = TrainedModel.restored(one, result.weights, data.train.shape[1:], CPU)
        columns, failures = measure(model, data, metrics=[Again()], device=CPU)
        assert failures == {}
        for name, value in columns["again"].items():
            if result.row[name] is not None:  # tokens have no squared error
                assert value == pytest.approx(result.row[name], rel=2e-5), name


def test_measuring_draws_from_the_seed_and_the_purpose_alone_and_sees_both_splits():
    data = digits()
    data = type(data)(
        data.train, data.valid, data.test, labels={"train": np.zeros(300), "test": np.ones(100)}
    )
    jobs = [job(0.5), job(2.0), job(0.5, seed=1)]
    found = [
        measure(restored(one, result), data, metrics=[Drawn()], device=CPU)[0]["drawn"]
        for one, result in zip(jobs, trained(*jobs), strict=True)
    ]
    assert found[0]["drawn"] == found[1]["drawn"] != found[2]["drawn"]
    assert found[0]["drawn"] != found[0]["other"]
    assert (found[0]["training"], found[0]["held_out"], found[0]["labels"]) == (300, 100, 100)
    assert math.isfinite(found[0]["train_mean"])


def test_a_metric_that_fails_costs_neither_the_training_nor_the_other_metrics():
    one = job()
    (result,) = trained(one)
    told = measured(result, one, digits(), metrics=[Failing(), Again()], device=CPU)
    assert told.status is Status.OK
    assert json.loads(told.provenance[UNMEASURED]) == {"failing": "ValueError: no such thing"}
    assert json.loads(told.provenance[METRICS]) == {"again": {"kind": "again"}}
    assert told.row["rate_nats"] == pytest.approx(result.row["rate_nats"], rel=2e-5)


def test_a_diverged_job_is_not_measured():
    one = job(1.0, length={"optimizer": "sgd", "lr": 1e30})
    (result,) = trained(one)
    assert result.status is Status.DIVERGED
    assert measured(result, one, digits(), metrics=[Again()], device=CPU) is result


def test_without_metrics_a_row_stays_as_it_is():
    one = job()
    (result,) = trained(one)
    assert measured(result, one, digits(), metrics=[], device=CPU).row == result.row


def test_weights_that_make_no_model_cost_no_training():
    one = job()
    (result,) = trained(one)
    broken = replace(result, weights={})
    told = measured(broken, one, digits(), metrics=[Again()], device=CPU)
    assert told.row == result.row
    lost = json.loads(told.provenance[UNMEASURED])
    assert lost.keys() == {"again", "pictures"}
    assert "Missing key" in lost["again"]
