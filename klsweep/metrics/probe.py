"""What a simple classifier reads from the codes: labels predicted from the posterior mean."""

import warnings
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.metrics.draws import rows
from klsweep.metrics.evidence import Encoded, Evidence, Values
from klsweep.metrics.metric import MetricPart

STEPS = 500  # of L-BFGS; what has not converged by then is scored as it stands

COLUMNS = ("probe_linear_accuracy", "probe_knn_accuracy", "probe_majority_accuracy")

Labelled = tuple[NDArray[np.float64], NDArray[np.intp]]
"""Codes [n, latent] and the class index of each [n]."""


class Probe(MetricPart):
    """Accuracy on held-out labels of a linear and a nearest-neighbour classifier of the posterior mean."""

    source: ClassVar[str] = (
        "linear probes after Alain & Bengio 2016: logistic regression on standardised means (scikit-learn, L2 penalty "
        "with C = 1); nearest neighbours on the means as they are, whose unit is the prior's standard deviation"
    )
    bias: ClassVar[str] = (
        "more training data raise both; standardising lets the linear probe read a latent whose mean varies far less "
        "than the posterior is wide, so it says what the mean carries, not what a sampled z does"
    )
    cost: ClassVar[str] = "fits a logistic regression; below a second at the default size and ten classes"

    kind: Literal["probe"] = "probe"
    size: Annotated[int, Field(gt=0)] = Field(default=2000, description="training data to fit on, at most")
    neighbours: Annotated[int, Field(gt=0)] = Field(default=5, description="k of the k nearest neighbours")

    def measure(self, evidence: Evidence) -> Values:
        """Shares of the whole held-out split that are classified rightly; all None without classes as labels.

        `probe_majority_accuracy` is the floor: always the commonest class of the data that the probes learn from.
        """
        held_out = evidence.held_out
        if held_out.labels is None:
            return dict.fromkeys(COLUMNS)  # before the training split is encoded for nothing
        training = evidence.training()
        classes = None if training.labels is None else _classes(training.labels, held_out.labels)
        if classes is None:
            return dict.fromkeys(COLUMNS)
        chosen = rows(len(training), self.size, evidence.generator("probe training")).numpy()
        fitted = (_codes(training)[chosen], classes[0][chosen])
        return dict(zip(COLUMNS, self._accuracies(fitted, (_codes(held_out), classes[1])), strict=True))

    def _accuracies(self, fitted: Labelled, scored: Labelled) -> list[float]:
        """Accuracy on `scored` of each classifier fitted on `fitted`, in the order of the columns."""
        from sklearn.dummy import DummyClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        majority = DummyClassifier(strategy="most_frequent")
        linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=STEPS))
        nearest = KNeighborsClassifier(min(self.neighbours, len(fitted[1])), algorithm="brute")
        if len(np.unique(fitted[1])) == 1:
            linear = majority  # a logistic regression needs two classes
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a fit that ran out of steps is scored all the same
            return [float(probe.fit(*fitted).score(*scored)) for probe in (linear, nearest, majority)]


def _codes(data: Encoded) -> NDArray[np.float64]:
    codes: NDArray[np.float64] = data.mean.double().cpu().numpy()
    return codes


def _classes(
    training: NDArray[Any], held_out: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """The class index of each datum of both splits; None unless they have one label each that is no measurement."""
    if training.ndim != 1 or held_out.ndim != 1:
        return None
    together = np.concatenate([training, held_out])
    if together.dtype.kind == "f" and (together != together.round()).any():
        return None
    index = np.unique(together, return_inverse=True)[1]
    return index[: len(training)], index[len(training) :]
