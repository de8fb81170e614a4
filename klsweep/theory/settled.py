"""Where a training settles: theta, sigma^2 and beta of a job, for likelihoods and objectives with a closed form."""

from dataclasses import dataclass

from klsweep.spec import Job
from klsweep.theory.linear import learned_sigma2, optimum, theta_of_rate, theta_of_sse
from klsweep.theory.spectrum import Spectrum
from klsweep.vae.likelihoods import Gaussian, Mse
from klsweep.vae.objectives import Capacity, Elbo, Geco, TargetRate


@dataclass(frozen=True)
class Settled:
    """theta = beta * sigma^2 of the best linear VAE, and its two factors."""

    theta: float
    sigma2: float
    beta: float


@dataclass(frozen=True)
class Unknown:
    """Why there is no closed form."""

    reason: str


def settled(job: Job, spectrum: Spectrum) -> Settled | Unknown:
    """Where `job` ends with a linear model and enough training."""
    if not isinstance(job.likelihood, Gaussian | Mse) or job.likelihood.scale == "learned_per_dim":
        return Unknown(f"no closed form applies to likelihood {job.likelihood.label}")
    weight = job.weighting(spectrum.input_dim).beta
    match job.objective:
        case Elbo():
            return _by_beta(job, spectrum, weight)
        case TargetRate(nats=nats, lowest=lowest):
            return _by_rate(job, spectrum, nats, betas=(lowest, max(weight, lowest)))
        case Capacity(nats=nats):
            return _by_rate(job, spectrum, nats, betas=(0.0, weight))
        case Geco(sse=sse):
            return _by_error(job, spectrum, sse)
        case other:
            return Unknown(f"no closed form applies to objective {other.label}")


def _by_beta(job: Job, spectrum: Spectrum, beta: float) -> Settled | Unknown:
    """A constant beta."""
    sigma2 = job.likelihood.sigma2 or learned_sigma2(spectrum, beta=beta, latent_dim=job.latent_dim)
    if sigma2 is None:
        return Unknown("sigma^2 has no best value above 0: the latents can hold all that varies")
    return Settled(beta * sigma2, sigma2, beta)


def _by_rate(
    job: Job, spectrum: Spectrum, rate_nats: float, *, betas: tuple[float, float]
) -> Settled | Unknown:
    """A rate that is held, by a beta within bounds: the weight of |KL - C| bounds it as a controller's largest does."""
    theta = theta_of_rate(spectrum, rate_nats, latent_dim=job.latent_dim)
    found = _at_level(job, spectrum, theta)
    bounded = min(max(found.beta, betas[0]), betas[1])
    return found if bounded == found.beta else _by_beta(job, spectrum, bounded)


def _by_error(job: Job, spectrum: Spectrum, recon_sse: float) -> Settled | Unknown:
    """A squared error that is held: the multiplier on it settles at lambda = weight / (2 theta)."""
    theta = theta_of_sse(spectrum, recon_sse, latent_dim=job.latent_dim)
    if theta is None:
        least = spectrum.tail(job.latent_dim)
        return Unknown(
            f"{job.latent_dim} latents leave a squared error above {least:.4g}, so it never gets to {recon_sse:g}"
        )
    return _at_level(job, spectrum, theta)


def _at_level(job: Job, spectrum: Spectrum, theta: float) -> Settled:
    """The factors of a known theta; a fitted variance is the squared error there, per dimension."""
    fitted = float(optimum(spectrum, theta, latent_dim=job.latent_dim).train.recon_sse) / spectrum.input_dim
    sigma2 = job.likelihood.sigma2 or fitted
    return Settled(theta, sigma2, theta / sigma2)
