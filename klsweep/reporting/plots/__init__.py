"""Every figure of a report, each a function of what the store holds. To add one, write it and name it here."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from matplotlib.figure import Figure

from klsweep.reporting.plots import canvas, looks
from klsweep.reporting.plots.costs import cost
from klsweep.reporting.plots.curves import learning_curves
from klsweep.reporting.plots.galleries import manifold, reconstructions, samples, traversals
from klsweep.reporting.plots.heatmaps import active_units_heatmap
from klsweep.reporting.plots.looks import Look
from klsweep.reporting.plots.material import Material, material
from klsweep.reporting.plots.planes import rate_distortion
from klsweep.reporting.plots.reduced import reductions
from klsweep.reporting.plots.scheduled import schedules
from klsweep.reporting.plots.spectra import latent_spectrum
from klsweep.reporting.plots.weights import ACTIVE_UNITS, RATE, RECONSTRUCTION, against_weight

Draw = Callable[[Material], Figure | None]

FIGURES: dict[str, Draw] = {
    "reconstruction": lambda material: against_weight(material.summary, RECONSTRUCTION),
    "rate": lambda material: against_weight(material.summary, RATE),
    "active_units": lambda material: against_weight(material.summary, ACTIVE_UNITS, material.forms),
    "rate_distortion": lambda material: rate_distortion(material.summary, material.forms),
    "active_units_heatmap": active_units_heatmap,
    "latent_spectrum": latent_spectrum,
    "learning_curves": learning_curves,
    "schedules": schedules,
    "reductions": reductions,
    "cost": cost,
}
"""Figures by file name; None where there is nothing to show."""

PICTURES: dict[str, Draw] = {
    "reconstructions": reconstructions,
    "samples": samples,
    "traversals": traversals,
    "manifold": manifold,
}
"""Figures that are pictures: they have no SVG."""

NAMES = (*FIGURES, *PICTURES)

KINDS = ("png", "svg", "pdf", "tex")
"""The endings that a figure's files may have."""


def draw(material: Material, look: Look = looks.SCREEN) -> list[tuple[str, Callable[[], dict[str, bytes]]]]:
    """(name, what draws it) of every figure: bytes by file ending, none where there is nothing to show."""
    once = replace(material, arrays=cache(material.arrays))  # several figures are of the same jobs

    def images(name: str) -> dict[str, bytes]:
        with canvas.style(look):
            figure = (FIGURES | PICTURES)[name](once)
            return canvas.images(figure, is_raster=name in PICTURES) if figure else {}

    return [(name, partial(images, name)) for name in NAMES]


__all__ = ["FIGURES", "KINDS", "NAMES", "PICTURES", "Material", "draw", "material"]
