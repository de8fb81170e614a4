"""Sentences from the store, for the summary and the terminal: those of one seed of each setting, as text.

A sweep without text has none, and nothing is said of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.text import Text

from klsweep.reporting import numbers
from klsweep.reporting.plots.material import Case, Material
from klsweep.reporting.tables import escaped
from klsweep.result import Sentences

SETTINGS = 24
"""Settings whose sentences the summary has, at most."""

FEW = 3
"""Settings, and sentences of each kind, that a terminal shows at most."""

NOTHING = "(nothing)"
"""A sentence without a word."""


@dataclass(frozen=True)
class Spoken:
    """The sentences of one job and what tells it from the others."""

    pairs: tuple[tuple[str, str], ...]
    """Held-out sentences and their reconstructions."""
    samples: tuple[str, ...]
    ways: tuple[tuple[str, ...], ...]
    """From one held-out sentence's code to another's."""
    title: str = ""


def said(arrays: Mapping[str, NDArray[Any]], title: str = "") -> Spoken | None:
    """The sentences among a job's arrays; None where it has none."""
    if Sentences.RECONSTRUCTIONS not in arrays:
        return None

    def told(name: Sentences) -> NDArray[Any]:
        return arrays.get(name, np.zeros((0, 0), dtype=str))

    originals, rebuilt = (
        _texts(told(name).ravel()) for name in (Sentences.ORIGINALS, Sentences.RECONSTRUCTIONS)
    )
    ways = tuple(_texts(way) for way in np.atleast_2d(told(Sentences.INTERPOLATIONS)))
    pairs = tuple(zip(originals, rebuilt, strict=False))
    return Spoken(pairs, _texts(told(Sentences.SAMPLES).ravel()), ways, title)


def spoken(material: Material) -> tuple[Spoken, ...]:
    """Those of the lowest seed of every weight of the first `SETTINGS` settings."""
    found = []
    for case in material.cases[:SETTINGS]:
        for _, job in case.one_per_weight().iterrows():
            if (one := said(material.arrays(str(job["job_id"])), _title(case, job))) is None:
                break
            found.append(one)
    return tuple(found)


def markdown(found: Sequence[Spoken]) -> str:
    """A section of the summary; empty without sentences."""
    if not found:
        return ""
    parts = ["## Sentences", "", f"{HOW} More are in the jobs' arrays.npz and on the page.", ""]
    for each in found:
        parts += [
            f"### {escaped(each.title)}",
            "",
            "| held-out sentence | its reconstruction |",
            "| --- | --- |",
        ]
        parts += [f"| {escaped(one)} | {escaped(other)} |" for one, other in each.pairs]
        parts += ["", "Samples from the prior:", "", *(f"- {escaped(one)}" for one in each.samples)]
        for way in each.ways:
            parts += ["", "From one held-out sentence's code to another's:", ""]
            parts += [f"{step}. {escaped(one)}" for step, one in enumerate(way, 1)]
        parts.append("")
    return "\n".join(parts)


def terminal(found: Sequence[Spoken]) -> RenderableType:
    """A few sentences of a few settings, wrapped by the terminal."""
    lines = [Text(""), Text(HOW)]
    for each in found[:FEW]:
        lines += [Text(""), Text(each.title, style="bold")]
        for one, other in each.pairs[:FEW]:
            lines += [Text(f"  held out       {one}"), Text(f"  reconstructed  {other}")]
        lines += [Text(f"  sampled        {one}") for one in each.samples[:FEW]]
    return Group(*lines)


HOW = (
    "Each sentence is the decoder's own likeliest words: from the mean of the posterior, from a code of the prior, "
    "or from codes on the line between two means."
)


def _texts(sentences: NDArray[Any]) -> tuple[str, ...]:
    return tuple(str(sentence) or NOTHING for sentence in sentences.tolist())


def _title(case: Case, job: "pd.Series[Any]") -> str:
    weight = f"beta {numbers.significant(float(job['beta']))}, seed {int(job['seed'])}"
    return f"{case.title}, {weight}" if case.title else weight
