"""The diagonal Gaussian posterior q(z|x) = N(mean, diag exp(logvar)) against the prior N(0, I)."""

from torch import Tensor

from klsweep.vae.precision import in_float32


@in_float32
def rate_per_latent(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(q(z_k|x) || N(0, 1)) = (mean^2 + e^logvar - 1 - logvar) / 2 (Kingma & Welling 2014, app. B).

    [..., latent] nats, never negative. Near the prior, where v = logvar is small and the rate is v^2 / 4, `expm1`
    errs by eps |v|; the plain e^v - 1 - v would err by eps, which there is more than the rate.
    """
    return 0.5 * (mean.square() + (logvar.expm1() - logvar))


@in_float32
def sample(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """mean + exp(logvar / 2) * noise with noise ~ N(0, I): the reparameterised z (section 2.4 there)."""
    return mean.addcmul((0.5 * logvar).exp(), noise)
