"""A forecast on the screen, as JSON and in files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from klsweep.cli.screen import number, say, say_prose, show
from klsweep.errors import StoreError
from klsweep.result import Scalar
from klsweep.store import atomic
from klsweep.theory.collapse import Collapse
from klsweep.theory.forecast import Forecast
from klsweep.theory.spectrum import Spectrum
from klsweep.vae.weights import Reduction

SHOWN = (1, 2, 3, 5, 10, 20, 32, 50, 100, 200, 500, 1000, 2000)
"""Axes of the spectrum that a table shows."""

Row = Mapping[str, Scalar]


def forecast_json(found: Forecast) -> dict[str, Any]:
    """The whole forecast for machines; what is unknown is null."""
    return {
        "name": found.name,
        "spectra": [
            {
                "dataset": label,
                "input_dim": each.input_dim,
                "train_size": each.count,
                "total_variance": each.total,
                "test_total_variance": each.held_total,
                "eigenvalues": each.values.tolist(),
                "test_moments": each.held_moments.tolist(),
            }
            for label, each in found.spectra.items()
        ],
        "collapse": [_collapse_json(each) for each in found.collapses],
        "settings": [dict(row) for row in found.rows],
        "notes": list(found.notes),
    }


def show_forecast(found: Forecast, files: Sequence[Path]) -> None:
    """Print spectrum, collapse and settings of each data set as tables of at most 80 columns."""
    for note in found.notes:
        say_prose(note)
    for label, spectrum in found.spectra.items():
        rows = [row for row in found.rows if row["dataset"] == label]
        say_prose(
            f"{label}: {spectrum.count} training data of N = {spectrum.input_dim} dimensions, total variance "
            f"{number(spectrum.total)}; test data about the same mean {number(spectrum.held_total)}"
        )
        say("\nspectrum of the training data, and the test data along the same axes")
        show(_spectrum_table(spectrum))
        say("\ntotal collapse of a Gaussian likelihood: the smallest raw weight at which no")
        say("latent is used (theta = beta * sigma^2 = axis 1), by how a script reduces")
        show(_collapse_table([each for each in found.collapses if each.dataset == label]))
        say_prose(_learned(each for each in found.collapses if each.dataset == label))
        for part in _alike(rows):
            say("")
            say_prose(
                f"the best linear VAE: {part[0]['likelihood']}, {part[0]['objective']}; test split, then train"
            )
            show(_settings_table(part))
        _say_reasons(rows)
    for file in files:
        say(f"wrote {file}")


def write_forecast(found: Forecast, directory: Path) -> tuple[Path, ...]:
    """forecast.csv, curve.csv, spectrum.csv and the plot in `directory`; `StoreError` where it cannot be written."""
    from klsweep.reporting.plots.forecasts import forecast_files

    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in forecast_files(found.spectra, found.rows).items():
            atomic.write(directory / name, content)
            written.append(directory / name)
    except OSError as error:
        raise StoreError(
            f"--out {directory}: cannot be written ({error.strerror or error}): needs a directory that you may write to"
        ) from None
    return tuple(written)


def _spectrum_table(spectrum: Spectrum) -> Table:
    """A line for the first axes, and ever fewer of the others."""
    table = _table("axis", "eigenvalue", "cumulative", "% of variance", "test moment")
    sums = np.cumsum(spectrum.values)
    for axis in (axis for axis in SHOWN if axis <= len(spectrum.values)):
        share = 100 * sums[axis - 1] / spectrum.total if spectrum.total else 100.0
        cells = (spectrum.values[axis - 1], sums[axis - 1], share, spectrum.held_moments[axis - 1])
        table.add_row(str(axis), *(number(float(cell)) for cell in cells))
    return table


def _collapse_table(collapses: Sequence[Collapse]) -> Table:
    heads = {"sum": "sum (beta)", "mean": "mean (beta_norm)"}
    table = _table("sigma^2", "M", *(heads.get(each.value, each.value) for each in Reduction))
    for each in collapses:
        sigma2 = "learned" if each.sigma2 is None else number(each.sigma2)
        weights = (number(weight) for weight in each.weights.values())
        table.add_row(sigma2, str(each.latent_dim), *weights)
    return table


def _learned(collapses: Iterable[Collapse]) -> str:
    """The variance that training would fit at beta = 1, by latent size."""
    found = {each.latent_dim: each.learned_sigma2 for each in collapses}
    said = (
        f"{'falls to 0' if value is None else number(value)} with M = {size}" for size, value in found.items()
    )
    return f"a learned sigma^2 comes to {', '.join(said)} at beta = 1"


COLUMNS = {
    "latent_dim": "M",
    "reduction": "reduction",
    "weight": "weight",
    "beta_norm": "beta_norm",
    "theta": "theta",
    "sigma2": "sigma^2",
    "active_units": "active",
    "rate_nats": "rate",
    "recon_sse": "SSE",
    "train_rate_nats": "train rate",
    "train_recon_sse": "train SSE",
}
"""What the screen shows of a setting; the rest is in the files and in the JSON."""

ONLY_VARYING = ("reduction", "weight", "sigma2")
FITTING = 9  # of these columns in 80 characters


def _settings_table(rows: Sequence[Row]) -> Table:
    """A line for each setting: test split, then training split, in nats and squared units per datum."""
    shown = [name for name in COLUMNS if name not in ONLY_VARYING or _tells(name, rows)][:FITTING]
    table = _table(*(COLUMNS[name] for name in shown))
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in shown))
    return table


def _tells(name: str, rows: Sequence[Row]) -> bool:
    """Whether a column differs, and in more than its unit: a raw weight is beta where every script sums."""
    if name == "weight" and all(row["reduction"] == Reduction.SUM for row in rows):
        return False
    return len({row[name] for row in rows}) > 1


def _alike(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The settings with a closed form, those of one likelihood and objective together."""
    parts: dict[tuple[Scalar, Scalar], list[Row]] = {}
    for row in rows:
        if row["theta"] is not None:
            parts.setdefault((row["likelihood"], row["objective"]), []).append(row)
    yield from parts.values()


def _say_reasons(rows: Sequence[Row]) -> None:
    """Why the other settings have none, and what is known of them all the same."""
    said = dict.fromkeys((row["note"], *_ends(row)) for row in rows if row["note"])
    for note, *ends in said:
        say("")
        say_prose(f"{note}{'; ' if ends else ''}{'; '.join(map(str, ends))}")


def _ends(row: Row) -> Iterator[str]:
    if row["entropy_floor_nats"] is not None:
        train, test = (float(row[name] or 0) for name in ("train_entropy_floor_nats", "entropy_floor_nats"))
        yield (
            f"no model's distortion gets below the entropy of the values themselves: {test:.2f} nats per test datum, "
            f"{train:.2f} per training datum"
        )
        yield f"with nothing coded it is {float(row['train_collapsed_nats'] or 0):.2f} per training datum"


def _collapse_json(each: Collapse) -> dict[str, Any]:
    return {
        "dataset": each.dataset,
        "sigma2": "learned" if each.sigma2 is None else each.sigma2,
        "latent_dim": each.latent_dim,
        "beta": each.beta,
        "weights": {reduction.value: weight for reduction, weight in each.weights.items()},
        "learned_sigma2_at_beta_1": each.learned_sigma2,
    }


def _cell(value: Scalar) -> Text:
    if value is None:
        return Text("-")
    return Text(number(value) if isinstance(value, float) else str(value))


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, justify="right")
    return table
