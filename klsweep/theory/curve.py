"""The Gaussian rate-distortion curve: the least rate for a squared error, for Gaussian data of a covariance."""

import numpy as np

from klsweep.theory.linear import Optimum, optimum
from klsweep.theory.spectrum import Spectrum

POINTS = 200


def curve(spectrum: Spectrum, *, lowest: float, latent_dim: int | None = None) -> Optimum:
    """Rate against squared error from nothing coded down to the water level `lowest`; arrays [point], rate rising.

    Without `latent_dim`, Shannon's R(D) of Gaussian data with these eigenvalues, reverse water-filling over all of
    them (Cover & Thomas 2006, theorem 10.3.3), as far as they are known. No source of the same covariance needs a
    higher rate at the same squared error (Berger 1971, section 4.6.2). With `latent_dim`, what a linear VAE of so many
    latents attains: the same curve until the latents run out, and above it from there.
    """
    known = len(spectrum.values)
    least = lowest if latent_dim is not None or spectrum.complete else max(lowest, float(spectrum.values[-1]))
    levels = np.geomspace(spectrum.largest, min(least, spectrum.largest), POINTS)
    return optimum(spectrum, levels, latent_dim=known if latent_dim is None else latent_dim)
