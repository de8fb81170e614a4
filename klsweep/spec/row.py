"""The columns of runs.csv that a job has before it is trained."""

from klsweep.result import Scalar
from klsweep.spec.job import Job


def settings_row(job: Job, *, input_dim: int, train_size: int) -> dict[str, Scalar]:
    """Every setting with a column of its own; `theta` = beta * sigma^2 is None where either is found in training."""
    weighting, sigma2 = job.weighting(input_dim), job.likelihood.sigma2
    return {
        "dataset": job.dataset.label,
        "model": job.model.label,
        "likelihood": job.likelihood.label,
        "objective": job.objective.label,
        "reduction": job.reduction.value,
        "schedule": job.schedule.label,
        "latent_dim": job.latent_dim,
        "input_dim": input_dim,
        "seed": job.seed,
        "epochs": job.train.length(train_size).epochs,
        "weight": weighting.weight,
        "beta": weighting.beta,
        "beta_norm": weighting.beta_norm,
        "theta": weighting.beta * sigma2 if sigma2 is not None and job.objective.weighs_rate else None,
    }
