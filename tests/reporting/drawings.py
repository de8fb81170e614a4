"""Figures of made-up sweeps, with arrays and pictures where a test asks for them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from made_up import Case, result
from matplotlib.figure import Figure

from klsweep.reporting import plots, rows, stats
from klsweep.reporting.plots import Material, canvas, looks
from klsweep.reporting.verdict import verdicts
from klsweep.result import Pictures
from klsweep.store import Store

SHAPE = (1, 4, 5)
ORIGINALS = 8


def of_cases(
    place: Path, cases: Sequence[Case], *, spectra: bool = False, pictures: bool = False, judged: bool = False
) -> Material:
    """What a report of these cases is drawn from, by way of a real store."""
    store = stored(place, cases, spectra=spectra, pictures=pictures)
    runs = rows.runs(store)
    found = verdicts(store, runs).each if judged else ()
    return plots.material(store, runs, stats.summary(runs), found)


def stored(place: Path, cases: Sequence[Case], *, spectra: bool, pictures: bool) -> Store:
    """These cases as a sweep, with arrays."""
    store = Store.open(place, "s")
    for case in cases:
        arrays = {}
        if spectra:
            arrays["rate_per_latent_nats"] = rates(case)
        if pictures:
            arrays |= pictures_of(case)
        store.commit(replace(result(case), arrays=arrays))
    return Store(store.path)


def rates(case: Case) -> np.ndarray:
    """Rates of latents in no order, the largest 1 / beta_norm."""
    largest = np.random.default_rng(0).permutation(np.geomspace(1, 1e-6, case.latent_dim))
    return largest / max(case.beta_norm, 1e-3)


def pictures_of(case: Case) -> dict[str, np.ndarray]:
    """Pictures in which every value tells the weight they are of; the originals tell their place."""
    level = shade(case.beta_norm)

    def made(*count: int) -> np.ndarray:
        return np.full((*count, *SHAPE), level, dtype=np.uint8)

    originals = np.arange(ORIGINALS, dtype=np.uint8)[:, None, None, None] * np.ones(SHAPE, dtype=np.uint8)
    found = {
        Pictures.ORIGINALS: originals,
        Pictures.RECONSTRUCTIONS: made(ORIGINALS),
        Pictures.SAMPLES: made(16),
        Pictures.TRAVERSALS: made(min(6, case.latent_dim), 7),
        Pictures.TRAVERSED: np.arange(min(6, case.latent_dim), dtype=np.uint16)[::-1],
    }
    if case.latent_dim == 2:
        found[Pictures.MANIFOLD] = made(12, 12)
    return {str(name): array for name, array in found.items()}


def shade(beta_norm: float) -> int:
    """The grey that stands for a weight."""
    return round(100 + 20 * np.log10(beta_norm))


def drawn(material: Material, name: str, look: looks.Look = looks.SCREEN) -> Figure:
    """A figure by its name."""
    with canvas.style(look):
        figure = (plots.FIGURES | plots.PICTURES)[name](material)
    assert figure is not None
    return figure


def texts(figure: Figure) -> list[str]:
    """Everything written in a figure, each on one line."""
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return [text.get_text().replace("\n", " ") for text in found]  # type: ignore[attr-defined]
