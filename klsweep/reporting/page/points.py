"""What the slider and the charts move over: one point for each setting at each weight, means and intervals."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from klsweep.reporting import numbers, settings, sheets, stats
from klsweep.reporting.page import columns
from klsweep.reporting.plots.grids import APART
from klsweep.reporting.settings import Factor

LABELS = {
    "distortion_nats": ("Distortion", "nats per datum"),
    "rate_nats": ("Rate", "nats per datum"),
    "elbo_nats": ("ELBO", "nats per datum"),
    "active_units": ("Active units", "latents"),
    "recon_mse": ("Reconstruction error", "squared, per dimension"),
}
"""The charts that every page has, with their units; any further metric can be chosen for one more."""


OF_A_DENSITY = ("distortion_nats", "elbo_nats")


def points(runs: pd.DataFrame, summary: pd.DataFrame) -> dict[str, Any]:
    """Factors with their levels, and the points by column.

    `point` has the place of each run among the points, -1 where its weight or its size is unknown. Points are in the
    order of the summary; charts sort them by weight.
    """
    known = summary["beta_norm"].notna() & summary["input_dim"].notna()
    drawn = summary[known].reset_index(drop=True)
    places = pd.Series(-1, index=summary.index).where(~known, known.cumsum() - 1)
    found = settings.factors(drawn) if len(drawn) else ()
    metrics = [name for name in stats.metrics(runs) if drawn[name].notna().any()] if len(drawn) else []
    return {
        "factors": [_factor(factor) for factor in found],
        "codes": [list(factor.codes) for factor in found],
        "weights": {
            name: columns.numbers(drawn[name].tolist(), stats.KEY_DIGITS) for name in settings.WEIGHTS
        },
        "weights_said": {name: _said(drawn[name]) for name in settings.WEIGHTS},
        "latent_dim": columns.numbers(drawn["latent_dim"].tolist()),
        "counts": {name: drawn[name].tolist() for name in ("n", "n_diverged", "n_failed")},
        "metrics": [_metric(name, drawn) for name in _ordered(metrics)],
        "point": places[stats.settings_of(runs)].tolist(),
    }


def _said(weights: "pd.Series[float]") -> list[str]:
    texts = numbers.distinct(weights)
    return [texts.get(weight, "") for weight in weights.tolist()]


def _ordered(metrics: list[str]) -> list[str]:
    """Those of every page first."""
    return [name for name in LABELS if name in metrics] + [name for name in metrics if name not in LABELS]


def _metric(name: str, drawn: pd.DataFrame) -> Mapping[str, Any]:
    title, unit = LABELS.get(name, (name, ""))
    if name in OF_A_DENSITY and sheets.is_unnormalised(drawn):
        alone = drawn["likelihood"].nunique() == 1
        unit = f"{unit}; {sheets.UNNORMALISED if not alone else 'a squared error, without the constant of a density'}"
    means, half_widths = drawn[name].tolist(), drawn[f"{name}_ci95"].tolist()
    return {
        "name": name,
        "title": title,
        "unit": unit,
        "always": name in LABELS,
        "mean": columns.numbers(means),
        "ci95": columns.numbers(half_widths),
        "said": [
            numbers.estimate(*pair) if pair[0] == pair[0] else ""
            for pair in zip(means, half_widths, strict=True)
        ],
    }


def _factor(factor: Factor) -> dict[str, Any]:
    """Its name, and its levels without the name where that is told beside them."""
    name = ", ".join(factor.names)
    alone = f"{name} "
    return {
        "name": name,
        "levels": [level.removeprefix(alone) if len(factor.names) == 1 else level for level in factor.levels],
        "comparable": not set(factor.names) & set(APART),
    }
