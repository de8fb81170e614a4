"""The summary as people read it: what varies in columns, what does not in a caption, numbers with intervals."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from klsweep.reporting import numbers, settings

METRICS = {
    "distortion_nats": "distortion",
    "rate_nats": "rate",
    "elbo_nats": "ELBO",
    "active_units": "active units",
}
"""The metrics of the short tables and their headings; the others are in summary.csv."""


UNNORMALISED = "likelihood mse: the distortion is the summed squared error, without a density's constant"


def is_unnormalised(table: pd.DataFrame) -> bool:
    """Whether some distortions, and with them ELBOs, are of likelihood `mse`."""
    return "mse" in set(table["likelihood"])


@dataclass(frozen=True)
class Sheet:
    """A table of texts: each row has its cells of `settings` and then its cells of `numbers`."""

    settings: tuple[str, ...]
    numbers: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    caption: tuple[str, ...]
    """Sentences without a full stop."""

    @property
    def headings(self) -> tuple[str, ...]:
        """Of all columns."""
        return self.settings + self.numbers


def sheet(summary: pd.DataFrame) -> Sheet:
    """The short table of a summary."""
    names = settings.varying(summary)
    cells = _weights(summary) | _metrics(summary) | {"n": _counts(summary)}
    return Sheet(
        settings=tuple(names),
        numbers=tuple(cells),
        rows=tuple(zip(_texts(summary, names), zip(*cells.values(), strict=True), strict=True)),
        caption=_caption(summary),
    )


def _texts(summary: pd.DataFrame, names: list[str]) -> list[tuple[str, ...]]:
    columns = [[settings.text(value) for value in summary[name]] for name in names]
    return list(zip(*columns, strict=True)) if columns else [()] * len(summary)


def _weights(summary: pd.DataFrame) -> dict[str, list[str]]:
    names = ["beta_norm", "beta"] if _alone(summary) else ["beta_norm", "beta", "weight"]
    texts = {name: numbers.distinct(summary[name]) for name in names}
    return {name: [texts[name].get(value, "") for value in summary[name]] for name in names}


def _alone(summary: pd.DataFrame) -> str:
    """How the raw weight follows from another unit throughout; empty where the table has to show it."""
    for unit in ("beta", "beta_norm"):
        known = summary[[unit, "weight"]].dropna()
        known = known[known[unit] > 0]
        factors = (known["weight"] / known[unit]).to_numpy(dtype=float)
        if len(factors) and np.ptp(factors) <= 1e-9 * abs(factors[0]):
            factor = float(factors[0])
            return f"weight = {unit}" if np.isclose(factor, 1, rtol=1e-9) else f"weight = {factor:.4g} {unit}"
    return ""


def _metrics(summary: pd.DataFrame) -> dict[str, list[str]]:
    found = {}
    for name, heading in METRICS.items():
        if name in summary and summary[name].notna().any():
            pairs = zip(summary[name], summary[f"{name}_ci95"], strict=True)
            found[heading] = [numbers.estimate(mean, half_width) for mean, half_width in pairs]
    return found


def _counts(summary: pd.DataFrame) -> list[str]:
    """`3`, or `2 of 3` where jobs were lost."""
    ended = summary["n"] + summary["n_diverged"] + summary["n_failed"]
    return [str(n) if n == of else f"{n} of {of}" for n, of in zip(summary["n"], ended, strict=True)]


def _caption(summary: pd.DataFrame) -> tuple[str, ...]:
    alike = settings.constant(summary)
    said = [", ".join(f"{name} {value}" for name, value in alike.items())] if alike else []
    if weight := _alone(summary):
        said.append(weight)
    if bool((summary["n"] > 1).any()):
        said.append("mean ± half width of the 95 % interval over n seeds")
    said.append("distortion, rate and ELBO in nats per datum")
    if is_unnormalised(summary):
        said.append(UNNORMALISED)
    if bool((summary["n_diverged"] + summary["n_failed"] > 0).any()):
        said.append("n: finished of ended; diverged and failed jobs enter no mean")
    return tuple(said)
