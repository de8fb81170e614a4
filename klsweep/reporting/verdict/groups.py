"""Jobs that differ in nothing but weight and seed, as arrays [seed, weight] on one axis of beta_norm."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from klsweep.reporting import settings
from klsweep.reporting.stats import KEY_DIGITS
from klsweep.reporting.verdict.bootstrap import Counts, Flags, Floats
from klsweep.reporting.verdict.evidence import group_columns
from klsweep.result import Status

Split = Literal["validation", "test"]

ALWAYS = ("dataset", "model", "latent_dim", "likelihood")
"""Name every group; the other settings name it where they vary."""

PLAIN = "elbo"  # the objective that needs no mention: its weight is the beta of beta-VAE


@dataclass(frozen=True, eq=False)
class Seen:
    """One metric on the weight axis of a group, smallest weight first."""

    weights: Floats  # [weight] beta_norm
    values: Floats  # [seed, weight]; what is not there is filled in, see `filled`
    there: Flags  # [seed, weight] whether it is
    split: Split
    counts: bool = False
    """Whole numbers, so seeds that agree may do so by rounding."""

    @property
    def present(self) -> Counts:
        """Seeds that are there. [weight]."""
        counted: Counts = self.there.sum(axis=0)
        return counted

    def shared(self, place: int) -> Flags:
        """Seeds that are there at a weight and also at the one at `place`. [seed, weight]."""
        return self.there & self.there[:, [place]]

    @property
    def mean(self) -> Floats:
        """Over seeds. [weight]."""
        means: Floats = self.values.mean(axis=0)
        return means

    def only(self, kept: Flags) -> "Seen":
        """The same at some of the weights."""
        return replace(
            self, weights=self.weights[kept], values=self.values[:, kept], there=self.there[:, kept]
        )


@dataclass(frozen=True, eq=False)
class Group:
    """The jobs of one verdict; `named` are the settings that tell it from other groups."""

    named: dict[str, str]
    rows: pd.DataFrame
    """Of every status; `weights` are those at which a job finished."""

    @property
    def title(self) -> str:
        """The settings in one line."""
        return ", ".join(f"{name} {value}" for name, value in self.named.items())

    @cached_property
    def ok(self) -> pd.DataFrame:
        """The finished jobs."""
        return self.rows[self.rows["status"] == str(Status.OK)]

    @cached_property
    def no_beta(self) -> str:
        """What the weight of its objective is, where it is not the beta of the rate; else empty."""
        kind = str(self.rows["objective"].iloc[0]).partition("(")[0]
        if kind == PLAIN:
            return ""
        from klsweep.vae.objectives import WEIGHTS_BUT_BETA  # not quick to import, and seldom needed

        return WEIGHTS_BUT_BETA.get(kind, "")

    @property
    def weighs_rate(self) -> bool:
        """Whether its weight is the beta of the rate, which can be typed into a script."""
        return not self.no_beta

    @property
    def input_dim(self) -> int:
        """N, dimensions of a datum."""
        return int(self.ok["input_dim"].iloc[0])

    @property
    def latent_dim(self) -> int:
        """M, dimensions of the code."""
        return int(self.ok["latent_dim"].iloc[0])

    @cached_property
    def weights(self) -> Floats:
        """The weights with a finished job, as beta_norm, ascending."""
        return np.unique(self.ok["axis"].to_numpy(dtype=float))

    @property
    def lost(self) -> int:
        """Jobs that ended without a result that counts."""
        return len(self.rows) - len(self.ok)

    def seen(self, metric: str, *, split: Split | None = None) -> Seen | None:
        """A metric over weights and seeds, by validation numbers where there are any; None where nobody has it."""
        validated = f"valid_{metric}"
        if split != "test" and validated in self.ok and self.ok[validated].notna().any():
            return _seen(self.ok, validated, "validation")
        if metric in self.ok and self.ok[metric].notna().any():
            return _seen(self.ok, metric, "test")
        return None


def groups(evidence: pd.DataFrame) -> tuple[Group, ...]:
    """The groups of a sweep that have a finished job, in the order of its runs."""
    table = evidence.assign(
        axis=evidence["beta_norm"].map(_key),
        apart=evidence["reduction"].where(~evidence["pooled"].astype(bool), ""),
    )
    names = group_columns(evidence)
    split = bool((table["apart"] != "").any())
    varying = set(settings.varying(evidence)) | set(ALWAYS)
    if bool((evidence["objective"] != PLAIN).any()):
        varying.add("objective")  # its weight may be no beta at all
    shown = [name for name in (*ALWAYS, *names) if name in varying and name != "input_dim"]
    shown = list(dict.fromkeys(shown)) + (["reduction"] if split else [])
    found = []
    for _, rows in table.groupby([*names, "apart"], dropna=False, sort=False):
        if (rows["status"] == str(Status.OK)).any():
            placed = rows[rows["beta_norm"].notna()]
            found.append(Group({name: settings.text(rows[name].iloc[0]) for name in shown}, placed))
    return tuple(found)


def filled(values: Floats) -> Floats:
    """[seed, weight] with what is missing put in as seed effect plus weight effect, by least squares.

    So a weight that only some seeds have is compared with the others by those seeds, as in pairs. Between weights that
    no chain of shared seeds connects there is no such effect to be had: a seed of the others gets the mean of those
    that are there. Every row and column must have a value.
    """
    there = np.isfinite(values)
    if there.all():
        return values
    found = values.copy()
    seeds = len(values)
    links = sparse.block_array([[None, sparse.csr_array(there)], [sparse.csr_array(there.T), None]])
    blocks, block_of = csgraph.connected_components(links, directed=False)
    for block in range(blocks):
        part = np.ix_(block_of[:seeds] == block, block_of[seeds:] == block)
        found[part] = _of_two_effects(values[part])
    means = np.nanmean(found, axis=0)
    return np.where(np.isfinite(found), found, means)


def _of_two_effects(values: Floats) -> Floats:
    there = np.isfinite(values)
    seed, weight = np.nonzero(there)
    seeds, weights = values.shape
    design = np.zeros((len(seed), seeds + weights))
    places = np.arange(len(seed))
    design[places, seed] = 1
    design[places, seeds + weight] = 1
    effects = np.linalg.lstsq(design, values[there], rcond=None)[0]
    return np.where(there, values, effects[:seeds, None] + effects[None, seeds:])


def _seen(rows: pd.DataFrame, metric: str, split: Split) -> Seen:
    """The mean of jobs that repeat weight and seed: under another reduction, or in another unit."""
    values = rows[metric].to_numpy(dtype=float, na_value=np.nan)
    seed_of, _ = pd.factorize(rows["seed"], sort=True)
    known = np.isfinite(values) & (seed_of >= 0)
    seeds, seed = np.unique(seed_of[known], return_inverse=True)
    weights, weight = np.unique(rows["axis"].to_numpy(dtype=float)[known], return_inverse=True)
    shape = (len(seeds), len(weights))
    jobs, sums = np.zeros(shape, dtype=np.intp), np.zeros(shape)
    np.add.at(jobs, (seed, weight), 1)
    np.add.at(sums, (seed, weight), values[known])
    cells = np.divide(sums, jobs, out=np.full(shape, np.nan), where=jobs > 0)
    counts = pd.api.types.is_integer_dtype(rows[metric])
    return Seen(weights, filled(cells), jobs > 0, split, counts)


def _key(weight: float) -> float:
    """A weight to the digits by which jobs are told apart."""
    return float(f"{weight:.{KEY_DIGITS}g}")
