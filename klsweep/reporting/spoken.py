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

    title: str
    originals: tuple[str, ...]
    reconstructions: tuple[str, ...]
    samples: tuple[str, ...]
    interpolations: tuple[tuple[str, ...], ...]


def spoken(material: Material) -> tuple[Spoken, ...]:
    """Those of the lowest seed of every weight of the first `SETTINGS` settings."""
    found = []
    for case in material.cases[:SETTINGS]:
        for _, job in case.one_per_weight().iterrows():
            arrays = material.arrays(str(job["job_id"]))
            if Sentences.RECONSTRUCTIONS not in arrays:
                break
            found.append(_spoken(_title(case, job), arrays))
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
        pairs = zip(each.originals, each.reconstructions, strict=False)
        parts += [f"| {escaped(one)} | {escaped(other)} |" for one, other in pairs]
        parts += ["", "Samples from the prior:", "", *(f"- {escaped(one)}" for one in each.samples)]
        for way in each.interpolations:
            parts += ["", "From one held-out sentence's code to another's:", ""]
            parts += [f"{step}. {escaped(one)}" for step, one in enumerate(way, 1)]
        parts.append("")
    return "\n".join(parts)


def terminal(found: Sequence[Spoken]) -> RenderableType:
    """A few sentences of a few settings, wrapped by the terminal."""
    lines = [Text(""), Text(HOW)]
    for each in found[:FEW]:
        lines += [Text(""), Text(each.title, style="bold")]
        pairs = zip(each.originals[:FEW], each.reconstructions, strict=False)
        lines += [
            Text(line)
            for one, other in pairs
            for line in (f"  held out       {one}", f"  reconstructed  {other}")
        ]
        lines += [Text(f"  sampled        {one}") for one in each.samples[:FEW]]
    return Group(*lines)


HOW = (
    "Each sentence is the decoder's own likeliest words: from the mean of the posterior, from a code of the prior, "
    "or from codes on the line between two means."
)


def _spoken(title: str, arrays: Mapping[str, NDArray[Any]]) -> Spoken:
    def told(name: Sentences) -> NDArray[Any]:
        return arrays.get(name, np.zeros((0, 0), dtype=str))

    return Spoken(
        title,
        _texts(told(Sentences.ORIGINALS).ravel()),
        _texts(told(Sentences.RECONSTRUCTIONS).ravel()),
        _texts(told(Sentences.SAMPLES).ravel()),
        tuple(_texts(way) for way in np.atleast_2d(told(Sentences.INTERPOLATIONS))),
    )


def _texts(sentences: NDArray[Any]) -> tuple[str, ...]:
    return tuple(str(sentence) or NOTHING for sentence in sentences.tolist())


def _title(case: Case, job: "pd.Series[Any]") -> str:
    weight = f"beta {numbers.significant(float(job['beta']))}, seed {int(job['seed'])}"
    return f"{case.title}, {weight}" if case.title else weight
