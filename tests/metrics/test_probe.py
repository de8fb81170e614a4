"""Probes read what codes carry and nothing else, and are scored on data they have not seen."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor
from worlds import encoded, evidence, generator, normal

from klsweep.metrics.evidence import Encoded, Evidence, Values
from klsweep.metrics.probe import Probe
from klsweep.result import COLUMNS

LINEAR, NEAREST, MAJORITY = "probe_linear_accuracy", "probe_knn_accuracy", "probe_majority_accuracy"


def classes(n: int, kinds: int, purpose: str, *, first: float | None = None) -> Tensor:
    """n class indices; class 0 has the share `first`, the others equal ones."""
    shares = (
        torch.ones(kinds)
        if first is None
        else torch.tensor([first * (kinds - 1) / (1 - first)] + [1.0] * (kinds - 1))
    )
    return torch.multinomial(shares, n, replacement=True, generator=generator(purpose))


def measured(training: Encoded, held_out: Encoded, **settings: Any) -> Values:
    return Probe(**settings).measure(evidence(held_out, training=training))


def split(n: int, code: Any, *, kinds: int = 2, purpose: str = "", **shares: float) -> Encoded:
    """n data whose code is `code(labels, noise [n, 4])`."""
    labels = classes(n, kinds, f"labels {purpose}", **shares)
    return encoded(code(labels, normal(n, 4, purpose=f"codes {purpose}")), labels=labels)


def test_codes_that_carry_the_label_linearly_are_read_by_both() -> None:
    def code(labels: Tensor, noise: Tensor) -> Tensor:
        return (
            torch.eye(4)[labels] * 10 + noise
        )  # class centres 14 apart at a deviation of 1: 7 deviations to the middle

    values = measured(split(600, code, kinds=4, purpose="a"), split(500, code, kinds=4, purpose="b"))
    assert values[LINEAR] == values[NEAREST] == 1


def test_noise_scores_no_better_than_the_commonest_class() -> None:
    def code(labels: Tensor, noise: Tensor) -> Tensor:
        return noise

    n = 2000
    training, held_out = (split(n, code, kinds=3, purpose=name, first=0.8) for name in "ab")
    values = measured(training, held_out, neighbours=50)  # so many that the vote is the commonest class
    floor = float((held_out.labels == 0).mean())
    assert values[MAJORITY] == floor
    error = math.sqrt(0.8 * 0.2 / n)
    assert floor == pytest.approx(0.8, abs=4 * error)
    # The classes' log odds are ln 8 apart and the weights of noise some 1 / sqrt(n / 10) = 0.07; of 50 votes 40 +- 3
    # are for the commonest class and 5 +- 2 for each other. So neither ever says anything else.
    assert values[LINEAR] == values[NEAREST] == floor


def test_the_exclusive_or_of_two_signs_is_out_of_a_line_s_reach_and_within_the_neighbours() -> None:
    """Deceptive: the code tells the label wholly, and no line does."""

    def split_of(n: int, purpose: str) -> Encoded:
        codes = normal(n, 2, purpose=purpose) * 0.1 + (normal(n, 2, purpose=f"{purpose} signs") > 0) * 2 - 1
        return encoded(codes, labels=(codes[:, 0] > 0) ^ (codes[:, 1] > 0))

    n = 2000
    values = measured(split_of(n, "a"), split_of(n, "b"))
    # four clusters, 10 deviations from every border: neighbours never err. A line parts clusters 2:2 at chance; one
    # that cuts off a single cluster would reach 3/4, but is no optimum of a symmetric problem.
    assert values[NEAREST] == 1
    assert values[LINEAR] == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / n))


def test_labels_that_mean_nothing_cannot_be_learnt_by_heart() -> None:
    """Scored on the training split, 1 nearest neighbour would be always right."""
    n = 1500
    codes = normal(n, 2)
    training = encoded(codes, labels=classes(n, 2, "training labels"))
    held_out = encoded(normal(n, 2, purpose="held-out codes"), labels=classes(n, 2, "held-out labels"))
    values = measured(training, held_out, neighbours=1)
    assert values[NEAREST] == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / n))


def test_the_whole_held_out_split_is_scored() -> None:
    """The last datum alone is of the class that the probes know: 1 of 777, not of a first batch."""
    held_out = encoded(normal(777, 2), labels=[1] * 776 + [0])
    values = measured(encoded(normal(50, 2), labels=[0] * 50), held_out)
    assert values == {LINEAR: 1 / 777, NEAREST: 1 / 777, MAJORITY: 1 / 777}


def test_neighbours_are_sought_in_units_of_the_prior() -> None:
    """Latents that collapsed to a spread of 1e-4 drown nothing: 30 of them beside the one that counts."""

    def code(labels: Tensor, noise: Tensor) -> Tensor:
        collapsed = 1e-4 * normal(len(labels), 30, purpose=f"collapsed {len(labels)}")
        return torch.cat([(labels * 4.0 - 2)[:, None] + 0.5 * noise[:, :1], collapsed], dim=1)

    training, held_out = split(400, code, purpose="a"), split(500, code, purpose="b")
    # 4 deviations from the border: 3.2e-5 of the data lie beyond it, far fewer than one of 500
    assert measured(training, held_out)[NEAREST] == 1
    standardised = KNeighborsClassifier(5).fit(
        (training.mean / training.mean.std(0)).numpy(), np.asarray(training.labels)
    )
    assert standardised.score((held_out.mean / held_out.mean.std(0)).numpy(), held_out.labels) < 0.99


def test_the_linear_probe_reads_means_however_small_as_its_bias_says() -> None:
    def code(labels: Tensor, noise: Tensor) -> Tensor:
        return (labels[:, None] * 2.0 - 1 + 0.1 * noise) * 1e-4  # in a posterior as wide as the prior

    assert measured(split(300, code, purpose="a"), split(300, code, purpose="b"))[LINEAR] == 1


def test_fewer_training_data_are_used_when_asked_each_with_its_own_label() -> None:
    """The label is the sign of a latent: labels of other data would leave accuracy at a half."""
    codes = normal(400, 3)
    training = encoded(codes, labels=codes[:, 0] > 0)
    held_out = encoded(codes + 0.01, labels=training.labels)
    values = measured(training, held_out, size=100)
    assert values[LINEAR] > 0.9
    assert values == measured(training, held_out, size=100)
    assert measured(training, held_out, size=3) != values
    other = Probe(size=100).measure(evidence(held_out, training=training, seed=1))
    assert other != values


def test_a_tiny_training_split_has_fewer_neighbours_than_asked_for() -> None:
    values = measured(
        encoded(torch.tensor([[0.0], [1.0]]), labels=[0, 1]), encoded(torch.tensor([[0.1]]), labels=[0])
    )
    assert values[NEAREST] in (0, 1)


@pytest.mark.parametrize(
    "labels",
    [["cat", "dog"] * 20, [b"cat", b"dog"] * 20, [0.0, 1.0] * 20, [False, True] * 20, [7, -3] * 20],
    ids=["text", "bytes", "float", "bool", "int"],
)
def test_classes_may_be_called_anything(labels: list[Any]) -> None:
    codes = torch.tensor([[-1.0], [1.0]] * 20)
    data = encoded(codes, labels=labels)
    assert measured(data, data)[LINEAR] == 1


@pytest.mark.parametrize(
    "labels",
    [None, np.linspace(0, 1, 40), np.zeros((40, 2)), np.full(40, np.nan)],
    ids=["none", "measurements", "two each", "unknown"],
)
def test_without_classes_nothing_is_known(labels: Any) -> None:
    data = encoded(normal(40, 2), labels=labels)
    assert measured(data, data) == {LINEAR: None, NEAREST: None, MAJORITY: None}


def test_without_labels_the_training_split_is_not_even_encoded() -> None:
    nothing = evidence(encoded(normal(10, 2)))  # whose training() fails
    assert set(Probe().measure(nothing).values()) == {None}


@pytest.mark.parametrize(
    ("labels", "warning"),
    [([0, 1] * 30, ConvergenceWarning), (list(range(60)), UserWarning)],
    ids=["out of steps", "classes of one member"],
)
def test_what_scikit_learn_warns_of_is_scored_in_silence(
    labels: list[int], warning: type[Warning], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings are errors here, and these there are."""
    data = encoded(normal(60, 3), labels=labels)
    monkeypatch.setattr("klsweep.metrics.probe.STEPS", 1)
    with pytest.warns(warning):
        LogisticRegression(max_iter=1).fit(data.mean.numpy(), labels)
    assert measured(data, data, neighbours=1)[NEAREST] == 1


def test_one_class_only_is_always_right() -> None:
    data = encoded(normal(20, 2), labels=[3] * 20)
    assert measured(data, data) == {LINEAR: 1, NEAREST: 1, MAJORITY: 1}


def test_no_column_is_one_of_every_run() -> None:
    held: Evidence = evidence(encoded(normal(4, 2)))
    assert not {*Probe().measure(held)} & set(COLUMNS)
