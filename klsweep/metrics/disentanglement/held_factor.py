"""Scores from data among which one factor is held fixed, and has to be told from how the codes vary."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.metrics.disentanglement.coded import Coded, both, generator_of
from klsweep.metrics.evidence import Evidence, Values
from klsweep.metrics.metric import MetricPart

PORTION = 100  # batches whose codes are in memory at once

FINITE = (
    "the published protocol asks a simulator for new data; here data of the split that share a value of the factor are "
    "drawn, so the other factors vary as they do in the data, values come as often as they do, those of one datum "
    "alone never, and the differences of small groups count as if they were the factor's doing; "
)


class FactorVae(MetricPart):
    """Share of batches of which a majority vote tells the fixed factor from the index of the stillest latent.

    1: each factor has a latent that stays still when the factor does, and only then. 1 / factors is chance, and the
    score of codes that are the same for all data.
    """

    source: ClassVar[str] = (
        "Kim & Mnih 2018: accuracy of the majority vote; latents are compared in units of their standard "
        "deviation on the training split, and collapsed ones are left out"
    )
    bias: ClassVar[str] = FINITE + (
        "a batch is drawn with replacement; a factor that two latents hold alike loses nothing, nor do two latents "
        "that mix two factors in unlike shares"
    )
    cost: ClassVar[str] = (
        "draws batches of codes: 0.1 s for 10 latents and 5 factors, however many data there are"
    )

    kind: Literal["factor_vae"] = "factor_vae"
    batch: int = Field(default=64, ge=2, description="data in a batch with one factor fixed")
    training_batches: int = Field(default=1000, gt=0, description="batches per factor to count votes on")
    scored_batches: int = Field(default=1000, gt=0, description="batches per factor to score")

    def measure(self, evidence: Evidence) -> Values:
        """`factor_vae_score`; None where fewer than two factors vary."""
        splits = _compared(evidence)
        if splits is None:
            return {"factor_vae_score": None}
        training, scored = splits
        scale = training.codes[:, training.active].std(axis=0)
        if not len(scale):
            return {"factor_vae_score": 1 / len(training.columns)}
        rng = generator_of(evidence, "factor_vae batches")
        votes, asked = (
            np.stack(list(self._votes(split.codes[:, training.active] / scale, split, batches, rng)))
            for split, batches in ((training, self.training_batches), (scored, self.scored_batches))
        )
        right = asked[votes.argmax(axis=0), np.arange(len(scale))]
        return {"factor_vae_score": float(right.sum() / asked.sum())}

    def _votes(
        self, codes: NDArray[np.float64], split: Coded, batches: int, rng: np.random.Generator
    ) -> Iterator[NDArray[np.intp]]:
        """For each factor, how often each latent of codes [n, latent] varied least while it was fixed: [latent]."""
        for groups in map(Groups.of, split.columns):
            stillest = [
                codes[groups.batches(count, self.batch, rng)].var(axis=1).argmin(axis=1)
                for count in _portions(batches)
            ]
            yield np.bincount(np.concatenate(stillest), minlength=codes.shape[1])


class BetaVae(MetricPart):
    """Share of batches of pairs of which a linear classifier tells the factor that the two of each pair share.

    It sees the mean absolute difference of the codes, latent by latent. 1: the differences tell every factor;
    1 / factors is chance, and the score of codes that are the same for all data.
    """

    source: ClassVar[str] = (
        "Higgins et al. 2017, with a logistic regression; differences are standardised first, so that its "
        "penalty does not depend on the scale of a latent"
    )
    bias: ClassVar[str] = FINITE + (
        "the two of a pair are different data; the classifier may combine latents, so codes that mix the factors "
        "score high, and so do codes that leave out one of them (Kim & Mnih 2018)"
    )
    cost: ClassVar[str] = (
        "draws batches of pairs and fits a logistic regression: 0.1 s for 10 latents and 5 factors, however many data"
    )

    kind: Literal["beta_vae"] = "beta_vae"
    batch: int = Field(default=64, gt=0, description="pairs whose differences are averaged")
    training_batches: int = Field(default=1000, gt=0, description="batches per factor to fit on")
    scored_batches: int = Field(default=1000, gt=0, description="batches per factor to score")

    def measure(self, evidence: Evidence) -> Values:
        """`beta_vae_score`; None where fewer than two factors vary."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        splits = _compared(evidence)
        if splits is None:
            return {"beta_vae_score": None}
        training, scored = splits
        rng = generator_of(evidence, "beta_vae batches")
        fitted = self._differences(training, self.training_batches, rng)
        asked = self._differences(scored, self.scored_batches, rng)
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        return {"beta_vae_score": float(classifier.fit(*fitted).score(*asked))}

    def _differences(
        self, split: Coded, batches: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """mean |mu_1 - mu_2| over the pairs of each batch [factor * batches, latent], and the factor they share."""
        differences = []
        for groups in map(Groups.of, split.columns):
            for count in _portions(batches):
                first, second = groups.pairs(count, self.batch, rng)
                differences.append(np.abs(split.codes[first] - split.codes[second]).mean(axis=1))
        return np.concatenate(differences), np.repeat(np.arange(len(split.columns)), batches)


@dataclass(frozen=True)
class Groups:
    """The data of a split in groups that share the value of one factor. All but `order` are per datum, [n]."""

    order: NDArray[np.intp]  # the data, group after group
    start: NDArray[np.intp]  # where in `order` its group starts
    size: NDArray[np.intp]  # of its group
    place: NDArray[np.intp]  # its own, counted from the start of its group

    @classmethod
    def of(cls, factor: NDArray[np.intp]) -> "Groups":
        """Groups by the classes [n] of a factor."""
        order = np.argsort(factor, kind="stable")
        sizes = np.bincount(factor)
        start = (np.cumsum(sizes) - sizes)[factor]
        return cls(order, start, sizes[factor], np.argsort(order) - start)

    @property
    def shared(self) -> NDArray[np.intp]:
        """The data whose value another one has too."""
        return np.flatnonzero(self.size > 1)

    def batches(self, count: int, width: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Data that share a value, a new one in each row, drawn with replacement. [count, width]."""
        first = np.broadcast_to(rng.choice(self.shared, (count, 1)), (count, width))
        drawn: NDArray[np.intp] = self.order[self.start[first] + rng.integers(self.size[first])]
        return drawn

    def pairs(
        self, count: int, width: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Two data that share a value, a new one for each pair; never one datum twice. Both [count, width].

        A datum and itself differ in nothing: such pairs, which are the rarer the larger the groups, would give away
        a factor by the number of its values.
        """
        first = rng.choice(self.shared, (count, width))
        size = self.size[first]
        further = self.place[first] + 1 + rng.integers(size - 1)
        second: NDArray[np.intp] = self.order[self.start[first] + further % size]
        return first, second


def _compared(evidence: Evidence) -> tuple[Coded, Coded] | None:
    """Both splits with the factors that can be held fixed in both; None unless there are two to tell apart."""
    splits = both(evidence)
    if splits is None:
        return None
    held = np.all(
        [[len(Groups.of(factor).shared) > 0 for factor in split.columns] for split in splits], axis=0
    )
    if held.sum() < 2:
        return None
    training, scored = (Coded(split.codes, split.factors[:, held]) for split in splits)
    return training, scored


def _portions(total: int) -> list[int]:
    """`total` in counts of at most PORTION."""
    return [min(PORTION, total - start) for start in range(0, total, PORTION)]
