"""Separated attribute predictability: how much better one latent predicts a factor than any other does."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.metrics.disentanglement.coded import Coded, both
from klsweep.metrics.evidence import Evidence, Values
from klsweep.metrics.metric import MetricPart


class Sap(MetricPart):
    """For each factor, how much better the best single latent predicts it than the next one does.

    A latent predicts by thresholds: a decision tree with as many leaves as the factor has values, so that the
    values need not lie in any order. Its score is the balanced accuracy on held-out data, 0 for a collapsed latent.
    """

    source: ClassVar[str] = (
        "Kumar et al. 2018, section 3, for factors that are classes; here the thresholds are fitted on the training "
        "split, and each accuracy is rescaled so that chance is 0, as a collapsed latent is (adjusted: false leaves "
        "them as published)"
    )
    bias: ClassVar[str] = (
        "a latent is judged alone, so a factor that takes two latents together, such as an angle, scores low; fitted "
        "one after another, the thresholds need not be the best ones; the gap of two latents that tell nothing is the "
        "difference of their luck, which falls with the held-out split; unadjusted, the score of ideal codes is "
        "1 - 1 / values where the other latents are alive and 1 where they have collapsed"
    )
    cost: ClassVar[str] = (
        "fits a small tree per latent and factor: 0.5 s for 10 latents and 5 factors at the default size"
    )

    kind: Literal["sap"] = "sap"
    size: int = Field(default=5000, gt=0, description="training data to fit on, at most")
    adjusted: bool = Field(
        default=True, description="rescale accuracies so that chance is 0 and all right is 1"
    )

    def measure(self, evidence: Evidence) -> Values:
        """`sap_score`, the mean over factors of the gap; None where no factor varies."""
        splits = both(evidence)
        if splits is None:
            return {"sap_score": None}
        scores = self._scores(splits[0].drawn(self.size, evidence, "sap training data"), splits[1])
        ranked = np.sort(
            np.pad(scores, ((1, 0), (0, 0))), axis=0
        )  # beside one latent stands one that tells nothing
        return {"sap_score": float((ranked[-1] - ranked[-2]).mean())}

    def _scores(self, training: Coded, scored: Coded) -> NDArray[np.float64]:
        """How well each latent alone predicts each factor. [latent, factor]."""
        scores = np.zeros((training.codes.shape[1], training.factors.shape[1]))
        for latent in np.flatnonzero(training.active):
            columns = slice(latent, latent + 1)
            for factor, (fitted, true) in enumerate(zip(training.columns, scored.columns, strict=True)):
                predicted = _predicted(training.codes[:, columns], fitted, scored.codes[:, columns])
                scores[latent, factor] = self._accuracy(true, predicted)
        return scores

    def _accuracy(self, true: NDArray[np.intp], predicted: NDArray[np.intp]) -> float:
        """Mean recall over the classes that occur, less chance if adjusted."""
        from sklearn.metrics import recall_score

        present = np.unique(true)
        recall = float(recall_score(true, predicted, labels=present, average="macro", zero_division=0.0))
        chance = 1 / len(present) if self.adjusted else 0.0
        return (recall - chance) / (1 - chance)


def _predicted(
    codes: NDArray[np.float64], classes: NDArray[np.intp], asked: NDArray[np.float64]
) -> NDArray[np.intp]:
    """The class of each datum asked about, by thresholds on one latent that weigh the classes equally."""
    from sklearn.tree import DecisionTreeClassifier

    values = max(2, len(np.unique(classes)))
    tree = DecisionTreeClassifier(max_leaf_nodes=values, class_weight="balanced", random_state=0)
    predicted: NDArray[np.intp] = tree.fit(codes, classes).predict(asked)
    return predicted
