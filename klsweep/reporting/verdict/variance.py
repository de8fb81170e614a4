"""The weight that a learned decoder variance implies."""

from dataclasses import dataclass

import numpy as np

from klsweep.reporting.verdict import bootstrap
from klsweep.reporting.verdict.answers import Answer, Lack
from klsweep.reporting.verdict.bootstrap import LEAST_SEEDS
from klsweep.reporting.verdict.groups import Group

FITTED = "fitted_sigma2"


@dataclass(frozen=True)
class Implied:
    """What a learned sigma^2 comes to against the summed squared error, likelihood `mse`."""

    sigma2: float  # in squared units of the data, the mean over seeds
    at_beta: float  # of the jobs that learned it: 1 is the elbo
    weight: Answer
    """As beta_norm of likelihood `mse`, whose sigma^2 is 1/2: beta = 2 theta."""


def implied(group: Group) -> Implied | None:
    """Of the jobs with beta nearest to 1, where the group learned a variance; None where it did not, or has no beta.

    A Gaussian's optimum depends on theta = beta * sigma^2 alone (Rybkin et al. 2021, and the linear VAE's closed form),
    so the same optimum has beta = theta / (1/2) where sigma^2 is 1/2.
    """
    if not group.weighs_rate or FITTED not in group.ok or group.ok[FITTED].isna().all():
        return None
    learned = group.ok[group.ok[FITTED].notna() & (group.ok["beta"] > 0)]
    if learned.empty:
        return None
    far = np.abs(np.log(learned["beta"].to_numpy(dtype=float)))
    rows = learned[far <= far.min() + 1e-9]
    beta = float(rows["beta"].iloc[0])
    by_seed = rows.groupby("seed")[FITTED].mean().to_numpy(dtype=float)
    to_weight = 2 * beta * group.latent_dim / group.input_dim
    sigma2, seeds = float(by_seed.mean()), len(by_seed)
    low = high = None
    if seeds >= LEAST_SEEDS:
        means, chosen = bootstrap.mean_curves(by_seed[:, None], np.array([seeds]))
        limits = chosen.limits(means[:, 0], means[:, 0])
        low, high = max(limits[0], 0.0) * to_weight, limits[1] * to_weight
    answer = Answer(
        value=sigma2 * to_weight,
        low=low,
        high=high,
        is_interval=seeds >= LEAST_SEEDS,
        seeds=(seeds, seeds),
        split="training",
        lacks=() if seeds >= LEAST_SEEDS else (Lack.SEEDS,),
    )
    return Implied(sigma2, beta, answer)
