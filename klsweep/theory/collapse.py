"""The weight at which a Gaussian likelihood codes nothing any more, as typed under each reduction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from klsweep.spec import Job
from klsweep.theory.linear import learned_sigma2
from klsweep.theory.spectrum import Spectrum
from klsweep.vae.likelihoods import Gaussian, Mse
from klsweep.vae.weights import Reduction, Unit, weighting

USUAL = (0.5, 1.0)
"""sigma^2 of a squared error as it stands, and of half of one."""


@dataclass(frozen=True)
class Collapse:
    """The smallest weight at which the best linear VAE uses no latent."""

    dataset: str
    sigma2: float | None  # None where it is learned
    latent_dim: int
    beta: float
    weights: Mapping[Reduction, float]  # raw, by how the script reduces its loss
    learned_sigma2: float | None  # what a learned sigma^2 comes to at beta = 1


def collapse(dataset: str, spectrum: Spectrum, *, sigma2: float | None, latent_dim: int) -> Collapse | None:
    """Where beta * sigma^2 is the first eigenvalue; None where the data do not vary.

    A learned sigma^2 is then the mean of all eigenvalues, for nothing of them is coded.
    """
    if not spectrum.largest:
        return None
    beta = spectrum.largest / (spectrum.total / spectrum.input_dim if sigma2 is None else sigma2)
    sizes = {"input_dim": spectrum.input_dim, "latent_dim": latent_dim}
    weights = {each: weighting(beta, Unit.BETA, reduction=each, **sizes).weight for each in Reduction}
    learned = learned_sigma2(spectrum, beta=1.0, latent_dim=latent_dim)
    return Collapse(dataset, sigma2, latent_dim, beta, weights, learned)


def collapses(dataset: str, spectrum: Spectrum, jobs: Iterable[Job]) -> tuple[Collapse, ...]:
    """For every latent size of `jobs`, the variances that they fix, the usual ones, and a learned one."""
    jobs = tuple(jobs)
    fixed = {job.likelihood.sigma2 for job in jobs if isinstance(job.likelihood, Gaussian | Mse)} - {None}
    variances: list[float | None] = [*sorted({*USUAL, *filter(None, fixed)}), None]
    sizes = sorted({job.latent_dim for job in jobs})
    found = (
        collapse(dataset, spectrum, sigma2=sigma2, latent_dim=size) for sigma2 in variances for size in sizes
    )
    return tuple(each for each in found if each)
