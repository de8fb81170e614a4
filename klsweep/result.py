"""The outcome of one job as plain data: what the store writes and the report reads. No torch type."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scalar = str | int | float | None

COLUMNS = (
    "job_id",
    "status",
    "dataset",
    "model",
    "likelihood",
    "objective",
    "reduction",
    "schedule",
    "latent_dim",
    "input_dim",
    "seed",
    "epochs",
    "weight",
    "beta",
    "beta_norm",
    "theta",
    "distortion_nats",
    "rate_nats",
    "elbo_nats",
    "recon_sse",
    "recon_mse",
    "recon_bce",
    "active_units",
    "active_units_kl",
    "train_seconds",
)
"""The columns of runs.csv, in order; further metrics follow, each name ending in its unit."""

CURVE_COLUMNS = (
    "epoch",
    "step",
    "weight",
    "s",
    "train_distortion_nats",
    "train_rate_nats",
    "train_loss",
    "valid_distortion_nats",
    "valid_rate_nats",
    "valid_loss",
    "valid_active_units",
)
"""The columns of curve.csv, one row per epoch. `weight` is the raw weight of the epoch's last step."""


ACTIVE_VARIANCE = (
    0.01  # of the posterior mean over the data, above which a unit is active (Burda et al. 2016)
)
ACTIVE_NATS = 0.01  # mean rate above which a unit counts in active_units_kl


class Pictures(StrEnum):
    """Names among a result's arrays: pictures, uint8 [..., channels, height, width], where the data are images."""

    ORIGINALS = "picture_originals"
    RECONSTRUCTIONS = "picture_reconstructions"
    SAMPLES = "picture_samples"
    TRAVERSALS = "picture_traversals"
    TRAVERSED = "picture_traversed_latents"  # [latent], which latents the traversals are of
    MANIFOLD = "picture_manifold"


class Sentences(StrEnum):
    """Names among a result's arrays: sentences, text [n] or [pair, step], where the data are text."""

    ORIGINALS = "sentence_originals"
    RECONSTRUCTIONS = "sentence_reconstructions"
    SAMPLES = "sentence_samples"
    INTERPOLATIONS = "sentence_interpolations"


METRICS = "metrics"
"""In the provenance of a result: which metrics it was measured with, their settings by kind, as JSON."""

UNMEASURED = "unmeasured"
"""In the same: which metrics of the run failed, the reasons by kind, as JSON."""

PICTURES = "pictures"
"""The kind under which a failure to draw them stands there."""


class Status(StrEnum):
    """How a job ended. Only these are ever committed; a job without a result has not ended."""

    OK = "ok"
    DIVERGED = "diverged"
    FAILED = "failed"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Result:
    """One finished job.

    `job` is the canonical identity of the job (its SHA-256 begins with `job_id`); `row` holds the columns
    of runs.csv, unknown ones None; `curve` has one mapping of `CURVE_COLUMNS` per epoch; `arrays` are small
    (`rate_per_latent_nats` [latent], `mean_variance_per_latent` [latent], pictures uint8, sentences); `weights` are
    the trained parameters of this one model; `error` is a traceback or the reason of a failure.
    """

    job_id: str
    job: Mapping[str, Any]
    status: Status
    row: Mapping[str, Scalar]
    curve: Sequence[Mapping[str, Scalar]] = ()
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    weights: Mapping[str, NDArray[np.floating[Any]]] = field(default_factory=dict)
    error: str = ""
    provenance: Mapping[str, Scalar] = field(default_factory=dict)


def job_digest(job: Mapping[str, Any]) -> str:
    """The id of a job: first 12 hex digits of the SHA-256 of its canonical JSON."""
    text = json.dumps(job, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
