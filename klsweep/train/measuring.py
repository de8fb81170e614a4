"""Metrics of a finished job, right after its training or much later from its weights: the same numbers."""

import json
from collections.abc import Sequence
from dataclasses import replace

import torch

from klsweep.data import Data
from klsweep.metrics import Metric, Values, settings_of
from klsweep.part import kind_of
from klsweep.result import METRICS, PICTURES, UNMEASURED, Result, Scalar, Status
from klsweep.spec.job import Job
from klsweep.train.pictures import pictures
from klsweep.train.sentences import sentences
from klsweep.train.trained import TrainedModel, evidence
from klsweep.vae.products import float32_products

Failures = dict[str, str]
"""Why a metric gave nothing, by its kind."""


def measure(
    model: TrainedModel, data: Data, *, metrics: Sequence[Metric], device: torch.device
) -> tuple[dict[str, Values], Failures]:
    """The columns of each of `metrics` by its kind; one that fails leaves the others be."""
    columns: dict[str, Values] = {}
    failures: Failures = {}
    if metrics:
        with float32_products(device):
            seen = evidence(model, data, device)
    for metric in metrics:
        kind = kind_of(type(metric))
        try:
            with float32_products(device):
                columns[kind] = metric.measure(seen)
        except Exception as error:
            failures[kind] = _reason(error)
    return columns, failures


def measured(
    result: Result, job: Job, data: Data, *, metrics: Sequence[Metric], device: torch.device
) -> Result:
    """`result` with the columns of `metrics`, and with pictures of image data or sentences of text.

    Its provenance says with which metrics, and what failed: nothing of all this may cost a training.
    """
    if result.status is not Status.OK:
        return result
    try:
        model = TrainedModel.restored(job, result.weights, data.train.shape[1:], device)
        columns, failures = measure(model, data, metrics=metrics, device=device)
        with float32_products(device):
            drawn = pictures(model, data, device) | sentences(model, data, device)
    except Exception as error:
        lost = dict.fromkeys([*settings_of(metrics), PICTURES], _reason(error))
        return replace(result, provenance={**result.provenance, UNMEASURED: json.dumps(lost)})
    told: dict[str, Scalar] = {METRICS: json.dumps({kind: settings_of(metrics)[kind] for kind in columns})}
    if failures:
        told[UNMEASURED] = json.dumps(failures)
    row = {**result.row, **{name: value for each in columns.values() for name, value in each.items()}}
    arrays = {**result.arrays, **drawn}
    return replace(result, row=row, arrays=arrays, provenance={**result.provenance, **told})


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
