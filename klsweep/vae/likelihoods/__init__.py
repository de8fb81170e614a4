"""Likelihoods p(x|z), the family: one class each, in files by what x is."""

from typing import Annotated

from klsweep.part import ByKind
from klsweep.vae.likelihoods.continuous import Gaussian, Laplace, Mse
from klsweep.vae.likelihoods.levels import Categorical, DiscretizedLogistic
from klsweep.vae.likelihoods.tokens import Tokens
from klsweep.vae.likelihoods.unit_interval import Bernoulli, Beta, ContinuousBernoulli

__all__ = [
    "Bernoulli",
    "Beta",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "Mse",
    "Tokens",
]

Likelihood = Annotated[
    Bernoulli
    | Gaussian
    | Mse
    | Laplace
    | ContinuousBernoulli
    | Beta
    | Categorical
    | DiscretizedLogistic
    | Tokens,
    ByKind(),
]
