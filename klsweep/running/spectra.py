"""The spectrum of each data set, kept beside the results: the report draws the closed form of it and reads no data."""

import sys
from collections.abc import Iterable

from klsweep.data import Data
from klsweep.errors import StoreError
from klsweep.running.fleets import FleetPlan
from klsweep.store import Store
from klsweep.vae.likelihoods import Gaussian, Mse


def keepers(fleets: Iterable[FleetPlan], store: Store) -> dict[str, int]:
    """Which of the fleets to train keep the spectrum of their data, and how many axes of it at least.

    The first of each data set, where a likelihood with a closed form is trained on it and the store has none yet.
    """
    known = store.spectra()
    first: dict[str, str] = {}
    axes: dict[str, int] = {}
    for fleet in fleets:
        lead = fleet.jobs[0]
        label = lead.dataset.label
        if isinstance(lead.likelihood, Gaussian | Mse) and label not in known:
            keeper = first.setdefault(label, fleet.id)
            axes[keeper] = max(axes.get(keeper, 0), lead.latent_dim)
    return axes


def keep(store: Store, dataset: str, data: Data, *, axes: int) -> None:
    """Decompose the covariance of `data` and keep it. That it cannot be had is no reason to train nothing."""
    from klsweep.theory.forecast import of_data

    try:
        store.write_spectrum(dataset, of_data(data, axes=axes).arrays())
    except (ArithmeticError, MemoryError, OSError, StoreError, ValueError) as error:
        print(f"{dataset}: no closed form in the report: {error}", file=sys.stderr)
