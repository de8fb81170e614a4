"""The closed form of a linear VAE on a sweep's own data, for the plots to lay under what was trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from klsweep.store import Store
from klsweep.theory.curve import curve
from klsweep.theory.linear import Optimum, distortion_nats, optimum, theta_of_rate
from klsweep.theory.spectrum import Spectrum

LEAST = 1e-9
"""Of the first eigenvalue: the lowest water level that is followed, for rates that no point of a plot ever has."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClosedForms:
    """Spectra by the label of their data set, and settings by the label of their likelihood."""

    spectra: Mapping[str, Spectrum] = field(default_factory=dict)
    likelihoods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def line(
        self, dataset: str, likelihood: str, *, latent_dim: int, most_nats: float
    ) -> tuple[Floats, Floats] | None:
        """(rate, distortion) of the best linear VAE on the test split, from rate 0 to about `most_nats`.

        None where the data's spectrum was not kept, or the likelihood is not Gaussian.
        """
        spectrum, settings = self.spectra.get(dataset), self.likelihoods.get(likelihood)
        if spectrum is None or settings is None or not spectrum.largest or most_nats <= 0:
            return None
        if latent_dim > len(spectrum.values) and not spectrum.complete:
            return None
        lowest = max(theta_of_rate(spectrum, most_nats, latent_dim=latent_dim), LEAST * spectrum.largest)
        best = curve(spectrum, lowest=lowest, latent_dim=latent_dim)
        distortion = _distortion(settings, best, input_dim=spectrum.input_dim)
        return None if distortion is None else (best.held.rate_nats, distortion)

    def active_units(self, dataset: str, theta: Floats, *, latent_dim: int) -> Floats | None:
        """Active units of the best linear VAE on the test split at each `theta`; None where the data are not known."""
        spectrum = self.spectra.get(dataset)
        if spectrum is None or (latent_dim > len(spectrum.values) and not spectrum.complete):
            return None
        return optimum(spectrum, theta, latent_dim=latent_dim).held.active_units


NO_FORMS = ClosedForms()

THEORY = "#333333"
THEORETICAL: Any = {"color": THEORY, "linewidth": 1, "linestyle": (0, (5, 3)), "zorder": 1.5}
"""How matplotlib draws a closed form, which belongs to no line of a key."""


def closed_forms(store: Store) -> ClosedForms:
    """What the store has kept of its data sets, and the likelihoods that were trained."""
    spectra = {}
    for dataset, arrays in store.spectra().items():
        if arrays.keys() >= Spectrum.NAMES:
            spectra[dataset] = Spectrum.of_arrays(arrays)
    known = {str(each.row.get("likelihood")): each.job.get("likelihood") for each in store.records()}
    likelihoods = {label: settings for label, settings in known.items() if isinstance(settings, dict)}
    return ClosedForms(spectra, likelihoods)


def _distortion(settings: Mapping[str, Any], best: Optimum, *, input_dim: int) -> Floats | None:
    """-log p(x|z) at each squared error; a fitted variance is the squared error of the training, per dimension."""
    if settings["kind"] == "mse":
        return best.held.recon_sse
    if settings["kind"] != "gaussian" or settings["variance"] == "learned_per_dim":
        return None
    fitted = settings["variance"] in ("learned", "optimal")
    sigma2 = best.train.recon_sse / input_dim if fitted else settings["variance"]
    return distortion_nats(best.held.recon_sse, input_dim=input_dim, sigma2=sigma2)
