"""Disentanglement, completeness, informativeness: which latents a predictor of each factor uses, and how well."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.metrics.disentanglement.coded import Coded, both, generator_of
from klsweep.metrics.evidence import Evidence, Values
from klsweep.metrics.metric import MetricPart

COLUMNS = ("dci_disentanglement_score", "dci_completeness_score", "dci_informativeness_score")


class Dci(MetricPart):
    """Whether a latent serves one factor (D), one latent serves a factor (C), and the factor is predicted (I).

    A random forest predicts each factor from the means of all latents; importance is the share of the fall in Gini
    impurity that is due to splits on a latent. A forest, because factors are classes, possibly without an order,
    which a lasso would take for quantities; of bagged trees rather than boosted ones, which cost a tree per class
    and round.
    """

    source: ClassVar[str] = (
        "Eastwood & Williams 2018, section 2, with random forests; D weighs latents by their importance, C is the mean "
        "over factors, I is the share of held-out data classified rightly"
    )
    bias: ClassVar[str] = (
        "a factor's importances sum to 1 however badly it is predicted, so factors that no latent tells lower D and C; "
        "deep splits on noise take some importance, so D and C of noisy codes fall short of 1; entropies are to the "
        "base of all latents, collapsed ones too, so more latents raise C; I of codes that tell nothing is that of a "
        "guess, up to the share of the commonest class"
    )
    cost: ClassVar[str] = (
        "fits a forest per factor: 0.3 to 2 s for 10 latents and 5 factors, most where the codes are noise"
    )

    kind: Literal["dci"] = "dci"
    size: int = Field(default=4000, gt=0, description="training data to fit on, at most")
    trees: int = Field(default=10, gt=0, description="trees of each forest")
    leaf: int = Field(default=10, gt=0, description="fewest data in a leaf")

    def measure(self, evidence: Evidence) -> Values:
        """D, C and I, each within [0, 1]; D None for one factor, C None for one latent, all None for no factor.

        D and C are 0 where no latent tells anything about any factor.
        """
        splits = both(evidence)
        if splits is None:
            return dict.fromkeys(COLUMNS)
        training, scored = splits[0].drawn(self.size, evidence, "dci training data"), splits[1]
        seed = int(generator_of(evidence, "dci trees").integers(2**31))
        importance, accuracy = self._predict(training, scored, seed)
        return dict(
            zip(COLUMNS, (disentanglement(importance), completeness(importance), accuracy), strict=True)
        )

    def _predict(self, training: Coded, scored: Coded, seed: int) -> tuple[NDArray[np.float64], float]:
        """Importances [latent, factor] and the mean accuracy on the data scored."""
        from sklearn.ensemble import RandomForestClassifier

        importances, accuracies = [], []
        for fitted, true in zip(training.columns, scored.columns, strict=True):
            # All latents compete for each split: where a split draws some of them, noise wins those without the best.
            forest = RandomForestClassifier(
                self.trees, min_samples_leaf=self.leaf, max_features=None, random_state=seed
            ).fit(training.codes, fitted)
            importances.append(forest.feature_importances_)
            accuracies.append(forest.score(scored.codes, true))
        return np.stack(importances, axis=1), float(np.mean(accuracies))


def disentanglement(importance: NDArray[np.float64]) -> float | None:
    """sum_i rho_i (1 - H_K(P_i)) of importances [latent, K factors]; rho_i is latent i's share of all importance."""
    if importance.shape[1] == 1:
        return None  # a latent has nothing but the one factor to serve
    weights = importance.sum(axis=1)
    return float(np.average(_focus(importance), weights=weights)) if weights.any() else 0.0


def completeness(importance: NDArray[np.float64]) -> float | None:
    """mean_j (1 - H_M(P_j)) of importances [M latents, factor]; 0 for a factor to which no latent is important."""
    return None if importance.shape[0] == 1 else float(_focus(importance.T).mean())


def _focus(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - H(p) / ln(columns) of each row as a distribution p, 0 of a row of zeros."""
    from scipy.stats import entropy

    focus = np.zeros(len(weights))
    used = weights.any(axis=1)
    focus[used] = 1 - entropy(weights[used], axis=1, base=weights.shape[1])
    return focus
