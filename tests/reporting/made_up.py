"""Sweeps with plausible numbers and without training: the linear VAE's closed form on a power-law spectrum."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from klsweep.result import COLUMNS, CURVE_COLUMNS, Result, Status, job_digest
from klsweep.store import Store

SIGMA2 = 0.1
LINEAR = {"kind": "linear", "start": 0.0, "warmup": 0.5}
CONSTANT = {"kind": "constant"}


@dataclass(frozen=True)
class Case:
    """One job of a made-up sweep."""

    beta_norm: float = 0.1
    latent_dim: int = 4
    seed: int = 0
    reduction: str = "sum"
    schedule: Mapping[str, Any] = field(default_factory=lambda: CONSTANT)
    dataset: str = "digits"
    likelihood: str = "gaussian(variance=0.1)"
    model: str = "mlp"
    unit: str = "beta_norm"
    status: Status = Status.OK
    epochs: int = 3
    lr: float = 1e-3
    input_dim: int = 64
    sigma2: float = SIGMA2
    """Of the decoder; one that is learned differs from seed to seed."""
    further: Mapping[str, Any] = field(default_factory=dict)


def spectrum(input_dim: int) -> np.ndarray:
    """Eigenvalues of a power law."""
    return 2.0 / np.arange(1, input_dim + 1) ** 1.1


def closed_form(theta: float, latent_dim: int, input_dim: int) -> tuple[float, float, int]:
    """(SSE, rate in nats, active units) at the optimum of the linear VAE."""
    values = spectrum(input_dim)
    theta = max(theta, 1e-9)
    active = (np.arange(input_dim) < latent_dim) & (values > theta)
    rate = 0.5 * np.log(values[active] / theta).sum()
    return float(theta * active.sum() + values[~active].sum()), float(rate), int(active.sum())


def grid(**axes: Iterable[Any]) -> tuple[Case, ...]:
    """The product of axes."""
    return tuple(Case(**dict(zip(axes, values, strict=True))) for values in product(*axes.values()))


def result(case: Case) -> Result:
    """The result of a case."""
    job = _job(case)
    row = _row(case)
    finished = case.status in (Status.OK, Status.DIVERGED)
    job_id = job_digest(job)
    return Result(
        job_id=job_id,
        job=job,
        status=case.status,
        row={**row, "job_id": job_id},
        curve=list(_curve(case, row)) if finished else (),
        error="" if finished else "ValueError: no",
    )


def commit(results: Path, name: str, cases: Sequence[Case]) -> Store:
    """A sweep in a results directory, committed by the real store."""
    store = Store.open(results, name)
    for case in cases:
        store.commit(result(case))
    return Store(store.path)


def _job(case: Case) -> dict[str, Any]:
    return {
        "dataset": {"kind": case.dataset},
        "model": {"kind": case.model},
        "latent_dim": case.latent_dim,
        "likelihood": {"kind": case.likelihood},
        "objective": {"kind": "elbo"},
        case.unit: case.beta_norm,
        "reduction": case.reduction,
        "schedule": dict(case.schedule),
        "train": {"optimizer": "adam", "lr": case.lr, "batch_size": 128, "epochs": case.epochs},
        "seed": case.seed,
    }


def _row(case: Case) -> dict[str, Any]:
    n, m = case.input_dim, case.latent_dim
    to_beta = {"beta_norm": n / m, "beta": 1.0, "weight": _raw_to_beta(case)}
    beta = case.beta_norm * to_beta[case.unit]
    known = {
        "dataset": case.dataset,
        "model": case.model,
        "likelihood": case.likelihood,
        "objective": "elbo",
        "reduction": case.reduction,
        "schedule": _label(case.schedule),
        "latent_dim": m,
        "input_dim": n,
        "seed": case.seed,
        "epochs": case.epochs,
        "weight": beta / _raw_to_beta(case),
        "beta": beta,
        "beta_norm": beta * m / n,
        "theta": beta * case.sigma2,
        "status": str(case.status),
    }
    measured = _measured(case, beta) if case.status is Status.OK else {}
    return {**dict.fromkeys(COLUMNS), **known, **measured, **case.further}


def _measured(case: Case, beta: float) -> dict[str, Any]:
    n = case.input_dim
    sse, rate, active = closed_form(beta * case.sigma2, case.latent_dim, n)
    rng = np.random.default_rng([case.seed, case.latent_dim, round(1e6 * beta), len(case.schedule)])
    sse *= 1 + 0.02 * rng.standard_normal() + 0.03 * (case.schedule == CONSTANT)
    rate *= 1 + 0.02 * rng.standard_normal()
    distortion = n / 2 * math.log(2 * math.pi * case.sigma2) + sse / (2 * case.sigma2)
    return {
        "distortion_nats": distortion,
        "rate_nats": rate,
        "elbo_nats": -(distortion + rate),
        "recon_sse": sse,
        "recon_mse": sse / n,
        "active_units": max(0, active - int(rng.integers(0, 2)) * (active > 2)),
        "active_units_kl": active,
        "train_seconds": 1.5,
    }


def _raw_to_beta(case: Case) -> float:
    n, m = case.input_dim, case.latent_dim
    return {"sum": 1.0, "mean": n / m, "mean_recon": float(n), "mean_kl": 1 / m}[case.reduction]


def _label(schedule: Mapping[str, Any]) -> str:
    kind = str(schedule["kind"])
    if schedule in (CONSTANT, LINEAR):
        return kind
    return f"{kind}({', '.join(f'{key}={value}' for key, value in schedule.items() if key != 'kind')})"


def _curve(case: Case, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for epoch in range(case.epochs):
        progress = (epoch + 1) / case.epochs
        s = 1.0 if case.schedule["kind"] == "constant" else min(1.0, 2 * progress)
        sse, rate, active = closed_form(row["theta"] * s, case.latent_dim, case.input_dim)
        late = math.exp(-4 * progress)
        normaliser = case.input_dim / 2 * math.log(2 * math.pi * case.sigma2)
        distortion = normaliser + sse * (1 + late) / (2 * case.sigma2)
        seen = {"distortion_nats": distortion, "rate_nats": rate * (1 - late), "loss": distortion + rate}
        train = {f"train_{name}": value for name, value in seen.items()}
        valid = {f"valid_{name}": value * 1.03 for name, value in seen.items()}
        known = {"epoch": epoch + 1, "step": 10 * (epoch + 1), "weight": s * row["weight"], "s": s}
        yield {**dict.fromkeys(CURVE_COLUMNS), **known, **train, **valid, "valid_active_units": active}
