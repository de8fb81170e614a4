"""From what a fleet measured to one result per member: rows, curves, arrays, weights."""

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from klsweep.result import ACTIVE_NATS, ACTIVE_VARIANCE, Result, Scalar, Status
from klsweep.spec.row import settings_row
from klsweep.train.evaluate import Measures
from klsweep.train.fleet import Fleet, Members
from klsweep.vae.products import products_by_onednn

MEASURED = (
    "train_loss",
    "train_distortion_nats",
    "train_rate_nats",
    "valid_loss",
    "valid_distortion_nats",
    "valid_rate_nats",
    "valid_active_units",
)
"""The rows of one epoch's array in a curve, [measured, member]."""

REMEMBERED = "remembered."  # before the names of what a likelihood remembers, among the weights of a model


@dataclass(frozen=True)
class Trained:
    """Everything known of a fleet at its end, all members together."""

    curve: Sequence[NDArray[np.float64]]  # one [measured, member] per epoch
    tested: Measures
    members: Members
    seconds: float  # of training, all members


def diverged_at(curve: Sequence[NDArray[np.float64]], members: int) -> list[int | None]:
    """For each member the first epoch, counted from 1, whose training is not finite; None where all are."""
    if not curve:
        return [None] * members
    finite = np.isfinite(np.stack(curve)[:, :3])  # [epoch, measured, member]
    bad = [np.argwhere(~finite[:, :, member]) for member in range(members)]
    return [int(found[0, 0]) + 1 if len(found) else None for found in bad]


def active_units(measures: Measures) -> NDArray[np.intp]:
    """Latents whose posterior mean varies over the split by more than `ACTIVE_VARIANCE`. [member]."""
    found: NDArray[np.intp] = (measures.mean_variance_per_latent > ACTIVE_VARIANCE).sum(axis=1)
    return found


def results(fleet: Fleet, trained: Trained) -> list[Result]:
    """One result per member, in the order of the fleet's jobs."""
    stopped = diverged_at(trained.curve, len(fleet.jobs))
    return [_result(fleet, trained, member, stopped[member]) for member in range(len(fleet.jobs))]


def _result(fleet: Fleet, trained: Trained, member: int, stopped: int | None) -> Result:
    job = fleet.jobs[member]
    measured = {
        **_metrics(trained.tested, member, fleet.input_dim),
        **_fitted(fleet, trained.members, member),
    }
    sound = stopped is None and math.isfinite(measured["elbo_nats"] or 0.0)
    settings = settings_row(job, input_dim=fleet.input_dim, train_size=fleet.train_size)
    seconds = {"train_seconds": trained.seconds / len(fleet.jobs)}
    curve = _curve(fleet, trained.curve, member)
    if sound:
        return Result(
            job_id=job.id,
            job=job.identity,
            status=Status.OK,
            row={"job_id": job.id, "status": Status.OK.value, **settings, **measured, **seconds},
            curve=curve,
            arrays=_arrays(trained.tested, member),
            weights=_weights(fleet, trained.members, member),
            provenance=_provenance(fleet),
        )
    when = f"in epoch {stopped} of {fleet.epochs}" if stopped else "on the held-out data"
    return Result(
        job_id=job.id,
        job=job.identity,
        status=Status.DIVERGED,
        row={
            "job_id": job.id,
            "status": Status.DIVERGED.value,
            **dict.fromkeys(measured),
            **settings,
            **seconds,
        },
        curve=curve[:stopped],
        error=f"the loss became infinite or NaN {when}: try a smaller train.lr or weight, or train.clip",
        provenance=_provenance(fleet),
    )


def _metrics(tested: Measures, member: int, input_dim: int) -> dict[str, float | None]:
    distortion, rate = float(tested.distortion_nats[member]), float(tested.rate_nats[member])
    error = None if tested.recon_sse is None else float(tested.recon_sse[member])
    return {
        "distortion_nats": distortion,
        "rate_nats": rate,
        "elbo_nats": -(distortion + rate),
        "recon_sse": error,
        "recon_mse": None if error is None else error / input_dim,
        "recon_bce": None if tested.recon_bce is None else float(tested.recon_bce[member]),
        "active_units": int(active_units(tested)[member]),
        "active_units_kl": int((tested.rate_per_latent_nats[member] > ACTIVE_NATS).sum()),
    }


def _fitted(fleet: Fleet, members: Members, member: int) -> dict[str, float | None]:
    """What likelihood and objective found for themselves: weights and a variance, with the theta they come to."""
    likelihood, objective, beta = fleet.lead.likelihood, fleet.lead.objective, fleet.weightings[member].beta
    target = torch.tensor([weighting.beta for weighting in fleet.weightings], device=fleet.device)
    variance = likelihood.fitted_sigma2(likelihood.own_of(members.own, members.likelihood))
    found: dict[str, float | None] = {
        name: float(value[member]) for name, value in objective.report(members.objective, target).items()
    }
    sigma2 = likelihood.sigma2 if variance is None else float(variance[member].detach())
    if variance is not None:
        found["fitted_sigma2"] = sigma2
    used = found.get("controlled_beta", beta if objective.weighs_rate else None)
    if used is not None and sigma2 is not None:
        found["theta"] = used * sigma2
    return found


def _weights(fleet: Fleet, members: Members, member: int) -> dict[str, NDArray[Any]]:
    """The parameters of one model, by the names they have in its network, and what its likelihood remembers."""
    kept = dict(fleet.one.named_buffers()) if len(fleet.jobs) == 1 else {}
    buffers = {name.removeprefix("vae."): value.cpu().numpy() for name, value in kept.items()}
    remembered = {f"{REMEMBERED}{name}": value for name, value in members.likelihood.items()}
    return buffers | {
        name.removeprefix("vae."): value[member].detach().cpu().numpy()
        for name, value in (members.parameters | remembered).items()
    }


def _arrays(tested: Measures, member: int) -> dict[str, NDArray[np.float64]]:
    return {
        "rate_per_latent_nats": tested.rate_per_latent_nats[member],
        "mean_variance_per_latent": tested.mean_variance_per_latent[member],
    }


def _curve(fleet: Fleet, curve: Sequence[NDArray[np.float64]], member: int) -> list[dict[str, Scalar]]:
    """One row of curve.csv per epoch."""
    weighting, schedule = fleet.weightings[member], fleet.jobs[member].schedule
    rows = []
    for epoch, measured in enumerate(curve):
        last = fleet.steps_of(epoch).stop
        s = schedule.at(last - 1, fleet.length)
        values = dict(zip(MEASURED, measured[:, member].tolist(), strict=True))
        rows.append({"epoch": epoch + 1, "step": last, "weight": weighting.weight * s, "s": s, **values})
    return rows


def _provenance(fleet: Fleet) -> dict[str, Scalar]:
    """What trained this, beside the job itself."""
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": str(fleet.device),
        "threads": torch.get_num_threads(),
        "precision": fleet.precision,
        "products": "oneDNN"
        if products_by_onednn(fleet.device, fleet.multiplications(fleet.batch_size))
        else "torch",
        "members": len(fleet.jobs),
        "steps": fleet.steps,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
