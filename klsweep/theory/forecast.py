"""A forecast: for every setting of a sweep, what a linear VAE comes to on its data, before any training."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from klsweep.data import Data
from klsweep.errors import Problem, SpecError
from klsweep.result import Scalar
from klsweep.spec import Job, Sweep
from klsweep.theory import entropy, linear
from klsweep.theory.collapse import Collapse, collapse, collapses
from klsweep.theory.settled import Settled, settled
from klsweep.theory.spectrum import AXES, Spectrum, spectrum
from klsweep.theory.standard import WORDLESS
from klsweep.vae.likelihoods import Bernoulli, Mse
from klsweep.vae.weights import Reduction

SETTING = (
    "dataset",
    "likelihood",
    "objective",
    "reduction",
    "latent_dim",
    "input_dim",
    "weight",
    "beta",
    "beta_norm",
)
HELD = ("distortion_nats", "rate_nats", "elbo_nats", "recon_sse", "recon_mse", "active_units")
TRAIN = (
    "train_distortion_nats",
    "train_rate_nats",
    "train_nll_nats",
    "train_recon_sse",
    "train_active_units",
)
COLLAPSE = tuple(f"collapse_weight_{reduction.value}" for reduction in Reduction)
COLUMNS = (
    *SETTING,
    "theta",
    "sigma2",
    "settled_beta",
    *HELD,
    *TRAIN,
    "used_latents",
    "collapsed_units",
    "learned_sigma2",
    "collapse_beta",
    *COLLAPSE,
    "entropy_floor_nats",
    "train_entropy_floor_nats",
    "train_collapsed_nats",
    "note",
)
"""The columns of forecast.csv. Those that runs.csv has too are of the held-out test split, as there."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is foreseen of a sweep: a row for each distinct setting that matters, and the spectrum of each data set."""

    name: str
    spectra: Mapping[str, Spectrum]
    """By the label of the data set."""
    rows: tuple[Mapping[str, Scalar], ...]
    """Each with `COLUMNS`; what is unknown is None."""
    collapses: tuple[Collapse, ...]
    notes: tuple[str, ...]


def forecast(sweep: Sweep, data_dir: Path | None = None) -> Forecast:
    """Read the data of `sweep`, decompose their covariances, and foresee each of its settings."""
    _check(sweep)
    spectra: dict[str, Spectrum] = {}
    rows: list[Mapping[str, Scalar]] = []
    switched_off: list[Collapse] = []
    for dataset in dict.fromkeys(job.dataset for job in sweep.jobs):
        jobs = [job for job in sweep.jobs if job.dataset == dataset]
        data = dataset.load(data_dir)
        found = of_data(data, axes=max(job.latent_dim for job in jobs))
        ends = _ends(data) if any(isinstance(job.likelihood, Bernoulli) for job in jobs) else {}
        spectra[dataset.label] = found
        rows += [_row(job, found, ends) for job in _distinct(jobs)]
        switched_off += collapses(dataset.label, found, jobs)
    return Forecast(
        sweep.name, spectra, tuple(rows), tuple(switched_off), (*sweep.notes, *_notes(sweep, spectra))
    )


def _check(sweep: Sweep) -> None:
    """`SpecError` where a data set has no covariance."""
    named = dict.fromkeys(job.dataset.name for job in sweep.jobs if sweep.facts_of(job).vocabulary)
    if named:
        allowed = "data whose values are quantities"
        raise SpecError([Problem(name, WORDLESS, allowed, "train it: klsweep run") for name in named])


def of_data(data: Data, *, axes: int) -> Spectrum:
    """The spectrum of the training split, with what its axes, `axes` at least, catch of the test split."""
    return spectrum(data.train, data.test, dynamic=data.dynamic, axes=max(axes, AXES))


def _distinct(jobs: Iterable[Job]) -> list[Job]:
    """One job for each setting: neither model nor schedule, training and seed enter a closed form."""
    kept = {
        (job.latent_dim, job.likelihood, job.objective, job.reduction, job.unit, getattr(job, job.unit)): job
        for job in reversed(list(jobs))
    }
    return list(reversed(kept.values()))


def _row(job: Job, spectrum: Spectrum, ends: Mapping[str, Scalar]) -> dict[str, Scalar]:
    weight = job.weighting(spectrum.input_dim)
    setting: dict[str, Scalar] = {
        "dataset": job.dataset.label,
        "likelihood": job.likelihood.label,
        "objective": job.objective.label,
        "reduction": job.reduction.value,
        "latent_dim": job.latent_dim,
        "input_dim": spectrum.input_dim,
        "weight": weight.weight,
        "beta": weight.beta,
        "beta_norm": weight.beta_norm,
    }
    found = settled(job, spectrum)
    if not isinstance(found, Settled):
        known = ends if isinstance(job.likelihood, Bernoulli) else {}
        return {**dict.fromkeys(COLUMNS), **setting, **known, "note": found.reason}
    row = {**dict.fromkeys(COLUMNS), **setting, **_optimum(job, spectrum, found), **_collapse(job, spectrum)}
    row["learned_sigma2"] = linear.learned_sigma2(spectrum, beta=found.beta, latent_dim=job.latent_dim)
    return {name: value if _known(value) else None for name, value in row.items()}


def _optimum(job: Job, spectrum: Spectrum, found: Settled) -> dict[str, Scalar]:
    """What the best model measures on either split."""
    best = linear.optimum(spectrum, found.theta, latent_dim=job.latent_dim)
    held, train = (
        _distortion(job, spectrum, found.sigma2, float(seen.recon_sse)) for seen in (best.held, best.train)
    )
    nll = linear.nll_nats(spectrum, found.theta, sigma2=found.sigma2, latent_dim=job.latent_dim)
    return {
        "theta": found.theta,
        "sigma2": found.sigma2,
        "settled_beta": found.beta,
        "distortion_nats": held,
        "rate_nats": float(best.held.rate_nats),
        "elbo_nats": -(held + float(best.held.rate_nats)),
        "recon_sse": float(best.held.recon_sse),
        "recon_mse": float(best.held.recon_sse) / spectrum.input_dim,
        "active_units": int(best.held.active_units),
        "train_distortion_nats": train,
        "train_rate_nats": float(best.train.rate_nats),
        "train_nll_nats": None if isinstance(job.likelihood, Mse) else nll,
        "train_recon_sse": float(best.train.recon_sse),
        "train_active_units": int(best.train.active_units),
        "used_latents": int(best.used),
        "collapsed_units": linear.collapsed_units(spectrum, found.theta, latent_dim=job.latent_dim),
    }


def _distortion(job: Job, spectrum: Spectrum, sigma2: float, recon_sse: float) -> float:
    """-log p(x|z) as the likelihood gives it: `mse` leaves the constant out."""
    if isinstance(job.likelihood, Mse):
        return recon_sse
    return float(linear.distortion_nats(recon_sse, input_dim=spectrum.input_dim, sigma2=sigma2))


def _collapse(job: Job, spectrum: Spectrum) -> dict[str, Scalar]:
    """The smallest weight at which no latent is used: as beta, and as typed under each reduction."""
    if not job.objective.weighs_rate:
        return {}
    found = collapse(job.dataset.label, spectrum, sigma2=job.likelihood.sigma2, latent_dim=job.latent_dim)
    if found is None:
        return {}
    return {"collapse_beta": found.beta, **dict(zip(COLLAPSE, found.weights.values(), strict=True))}


def _ends(data: Data) -> dict[str, Scalar]:
    """What bounds a Bernoulli distortion. Of `dynamic` training data coins are seen, not the probabilities kept."""
    return {
        "entropy_floor_nats": entropy.entropy_floor_nats(data.test),
        "train_entropy_floor_nats": 0.0 if data.dynamic else entropy.entropy_floor_nats(data.train),
        "train_collapsed_nats": entropy.collapsed_nats(data.train),
    }


def _notes(sweep: Sweep, spectra: Mapping[str, Spectrum]) -> Iterable[str]:
    others = list(dict.fromkeys(job.model.label for job in sweep.jobs if job.model.kind != "linear"))
    if others:
        yield (
            f"exact for model linear, given enough training; for {', '.join(others)}: no network wide enough to hold "
            "the linear map needs a higher rate at equal squared error, but a trained one may have one"
        )
    for label, each in spectra.items():
        if not each.complete:
            yield f"{label}: the {len(each.values)} largest eigenvalues, of {each.count} data"


def _known(value: Scalar) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
