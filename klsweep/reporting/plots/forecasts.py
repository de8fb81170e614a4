"""A forecast in files: its tables as CSV, and the curves on which a linear VAE lies before it is trained."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from klsweep.reporting import rows
from klsweep.reporting.closed_forms import THEORETICAL
from klsweep.reporting.plots import canvas, keys, layout
from klsweep.reporting.plots.axis import WeightAxis, name
from klsweep.result import Scalar
from klsweep.theory.curve import curve
from klsweep.theory.spectrum import Spectrum

Row = Mapping[str, Scalar]

HEIGHT, WIDTH = 3.4, 9.0  # inches: of a data set's panels, of the paper

FOOT = (
    "Closed form of the linear VAE on the covariance of the training split; points are the settings asked for. Dashed: "
    "rate-distortion curve of Gaussian data with this covariance; no data of this covariance need a higher rate for "
    "the same squared error."
)

DEEPEST = 1e-3
"""The lowest water level that is drawn where no setting asks for another, as a share of the first eigenvalue."""


def forecast_files(spectra: Mapping[str, Spectrum], foreseen: Sequence[Row]) -> dict[str, bytes]:
    """The files of a forecast by name: settings, curves and spectra as CSV, the plot as PNG and SVG."""
    table = pd.DataFrame(list(foreseen))
    curves = pd.concat([_curves(label, spectra[label], own) for label, own in _by_dataset(table, spectra)])
    tables = {"forecast": table, "curve": curves, "spectrum": _spectra(spectra)}
    files = {f"{file}.csv": rows.csv(frame).encode(errors="replace") for file, frame in tables.items()}
    with canvas.style():
        images = canvas.images(_figure(spectra, table, curves))
    return files | {f"forecast.{kind}": content for kind, content in images.items()}


def _by_dataset(table: pd.DataFrame, spectra: Mapping[str, Spectrum]) -> list[tuple[str, pd.DataFrame]]:
    return [(label, table[table["dataset"] == label]) for label in spectra]


def _curves(label: str, spectrum: Spectrum, table: pd.DataFrame) -> pd.DataFrame:
    """Rate against squared error for Gaussian data, `latent_dim` unknown, and for each latent size."""
    asked = table["theta"].astype("float64")
    lowest = float(asked[asked > 0].min()) if (asked > 0).any() else DEEPEST * spectrum.largest
    parts = []
    for size in (None, *sorted(set(table["latent_dim"].astype(int)))):
        found = curve(spectrum, lowest=lowest, latent_dim=size)
        parts.append(
            pd.DataFrame(
                {
                    "dataset": label,
                    "latent_dim": pd.array([size] * len(found.theta), dtype="Int64"),
                    "theta": found.theta,
                    "rate_nats": found.held.rate_nats,
                    "recon_sse": found.held.recon_sse,
                    "train_rate_nats": found.train.rate_nats,
                    "train_recon_sse": found.train.recon_sse,
                    "train_active_units": found.train.active_units,
                }
            )
        )
    return pd.concat(parts)


def _spectra(spectra: Mapping[str, Spectrum]) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame(
            {
                "dataset": label,
                "axis": range(1, len(each.values) + 1),
                "eigenvalue": each.values,
                "cumulative": each.values.cumsum(),
                "test_moment": each.held_moments,
            }
        )
        for label, each in spectra.items()
    )


def _figure(spectra: Mapping[str, Spectrum], table: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """For each data set the rate-distortion plane, and the active units against theta."""
    sizes = sorted(set(table["latent_dim"].astype(int)))
    styles = {size: _signs(place) for place, size in enumerate(sizes)}
    key = {f"linear VAE, latent_dim {size}": Line2D([], [], **signs) for size, signs in styles.items()}  # type: ignore[arg-type]
    key["Gaussian R(D), any number of latents"] = Line2D([], [], **THEORETICAL)
    paper = canvas.paper(
        WIDTH,
        HEIGHT * len(spectra),
        title="Forecast from the data's spectrum",
        foot=FOOT,
        key=keys.height(key, WIDTH),
    )
    places = paper.add_gridspec(len(spectra), 2)
    for row, (label, own) in enumerate(_by_dataset(table, spectra)):
        plane, units = (paper.add_subplot(places[row, column]) for column in range(2))
        drawn = curves[curves["dataset"] == label]
        _draw_plane(plane, own, drawn, styles)
        plane.set_title(label)
        _draw_units(units, own, drawn, styles)
    keys.draw(paper, key)
    layout.arrange(paper)
    return paper


Styles = Mapping[int, Mapping[str, object]]


def _draw_plane(axes: Axes, table: pd.DataFrame, curves: pd.DataFrame, styles: Styles) -> None:
    shannon = curves[curves["latent_dim"].isna()]
    for size, of_size in curves.groupby("latent_dim"):
        colour = styles[int(str(size))]["color"]
        axes.plot(of_size["train_rate_nats"], of_size["train_recon_sse"], color=colour, linewidth=1.2)
    for size, points in table.groupby("latent_dim"):
        signs = {**styles[int(str(size))], "linestyle": "none"}
        axes.plot(points["train_rate_nats"].astype(float), points["train_recon_sse"].astype(float), **signs)  # type: ignore[arg-type]
    widest = curves.loc[curves["latent_dim"].notna(), "train_rate_nats"].max()
    axes.plot(shannon["train_rate_nats"], shannon["train_recon_sse"], **THEORETICAL)
    axes.set_xlim(-0.03 * widest, 1.03 * widest)
    axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6))
    axes.set_xlabel("rate (nats per datum)")
    axes.set_ylabel("squared error (units of the data, squared)")


def _draw_units(axes: Axes, table: pd.DataFrame, curves: pd.DataFrame, styles: Styles) -> None:
    """Active units against theta, on which alone they depend: a step down at each eigenvalue."""
    known = table[table["theta"].notna()].astype({"theta": "float64", "train_active_units": "float64"})
    reach = pd.concat([curves["theta"], known["theta"]])
    axis = WeightAxis(reach)
    for size, steps in curves[curves["latent_dim"].notna()].groupby("latent_dim"):
        signs = styles[int(str(size))]
        x, y = [axis.high, *steps["theta"]], [0, *steps["train_active_units"]]
        axes.plot(x, y, color=signs["color"], linewidth=1.2)
        points = known[known["latent_dim"] == size]
        axes.plot(axis.place(points["theta"]), points["train_active_units"], **{**signs, "linestyle": "none"})  # type: ignore[arg-type]
    axes.set_ylabel("active units (latents)")
    axes.set_xlabel("theta = beta · sigma² (units of the data, squared)")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.draw(axes)
    for unit in ("beta_norm", "beta"):
        if axis.draw_above(axes, known, ("theta", unit), label=name(unit)):
            break


def _signs(place: int) -> dict[str, object]:
    return {
        "color": canvas.COLOURS[place % len(canvas.COLOURS)],
        "marker": canvas.MARKERS[place % len(canvas.MARKERS)],
        "markersize": 4.5,
        "linewidth": 1.2,
        "linestyle": "-",
    }
