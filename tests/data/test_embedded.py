"""The data sets that need no file: scikit-learn's digits, and Gaussian data of a known spectrum."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from sklearn.datasets import load_digits

from klsweep.data import Dataset, Digits, Facts, Gaussian
from klsweep.data.idx import Embedded
from klsweep.part import members

ANY = TypeAdapter(Dataset)
SPECTRUM = (4.0, 1.0, 0.25, 0.0)
FLOAT32 = 2.0**-23


def test_digits_are_scikit_learns_over_sixteen() -> None:
    data = Digits(valid=0.25).load()
    rows, labels = load_digits(return_X_y=True)
    ours = np.concatenate(data.splits).reshape(-1, 64) * 16
    assert sorted(map(tuple, ours)) == sorted(map(tuple, rows))
    assert data.labels is not None
    assert sorted(np.concatenate(list(data.labels.values()))) == sorted(labels)


def test_labels_stay_with_their_digits() -> None:
    rows, labels = load_digits(return_X_y=True)
    known = {tuple(row): label for row, label in zip(rows, labels, strict=True)}
    data = Digits(limit=50).load()
    assert data.labels is not None
    for name, split in data.splits._asdict().items():
        assert [known[tuple(row)] for row in split.reshape(-1, 64) * 16] == data.labels[name].tolist()


@pytest.mark.parametrize("options", [{}, {"limit": 100}, {"valid": 0.0, "test": 0.5}])
@pytest.mark.parametrize("kind", [Digits, Gaussian])
def test_facts_are_those_of_the_loaded_data(kind: type, options: dict[str, float]) -> None:
    part = kind(**options, **({"spectrum": SPECTRUM} if kind is Gaussian else {}))
    data = part.load()
    inside = all(split.min() >= 0 and split.max() <= 1 for split in data.splits if len(split))
    assert part.facts() == Facts(data.train.shape[1:], tuple(map(len, data.splits)), inside)
    assert data.train.dtype == np.float32


def test_embedded_sets_locate_themselves() -> None:
    for part in (Digits(), Gaussian(spectrum=SPECTRUM)):
        assert part.locate(None, download=True) == (part, ())
    assert set(members(Embedded)) < set(members(Dataset))


def test_each_split_has_exactly_the_spectrum() -> None:
    data = Gaussian(spectrum=SPECTRUM, size=400, valid=0.2).load()
    for split in data.splits:
        values = split.astype(np.float64)
        # rounding x to float32 moves an eigenvalue by at most 2 * eps * |x|^2, and |x| stays below 5 deviations
        tolerance = 2 * FLOAT32 * 25 * max(SPECTRUM)
        assert np.linalg.eigvalsh(np.cov(values.T, ddof=0)) == pytest.approx(sorted(SPECTRUM), abs=tolerance)
        assert values.mean(0) == pytest.approx(np.zeros(4), abs=FLOAT32 * 5 * 2)


def test_all_splits_share_one_basis_which_depends_on_the_seed() -> None:
    one, other = (Gaussian(spectrum=SPECTRUM, size=400, split_seed=seed).load() for seed in (0, 1))
    covariances = [np.cov(split.T, ddof=0) for split in (one.train, one.valid, one.test, other.train)]
    assert covariances[1] == pytest.approx(covariances[0], abs=1e-4)  # 25 * 4 * eps, doubled and more
    assert covariances[2] == pytest.approx(covariances[0], abs=1e-4)
    assert abs(covariances[3] - covariances[0]).max() > 0.01


def test_inexact_data_have_the_spectrum_up_to_sampling_error() -> None:
    part = Gaussian(spectrum=(2.0, 2.0), size=20_000, exact=False)
    train = part.load().train
    # a sample variance of normal data has relative variance 2/n; equal eigenvalues make every axis alike
    tolerance = 4 * 2 * np.sqrt(2 / len(train))
    assert train.var(0) == pytest.approx([2, 2], abs=tolerance)
    assert train.var(0) != pytest.approx([2, 2], abs=1e-6)


def test_exactness_needs_more_data_than_dimensions() -> None:
    with pytest.raises(
        ValidationError, match=r"exact: 5 valid data cannot have a covariance of 5 dim.*more data"
    ):
        Gaussian(spectrum=(1.0,) * 5, size=60)
    assert Gaussian(spectrum=(1.0,) * 5, size=60, exact=False).load().valid.shape == (5, 5)


def test_impossible_gaussians_are_refused() -> None:
    bad = (
        ({"spectrum": []}, "at least 1"),
        ({"spectrum": [-1.0]}, "greater than or equal to 0"),
        ({"spectrum": ["4"]}, "valid number"),
        ({"spectrum": [1.0], "binarize": "static"}, r"needs values in \[0, 1\]"),
        ({"spectrum": [1.0], "limit": 1}, "no training data"),
        ({}, "Field required"),
    )
    for settings, said in bad:
        with pytest.raises(ValidationError, match=said):
            ANY.validate_python({"kind": "gaussian", **settings})


def test_a_part_comes_back_from_its_own_json() -> None:
    for part in (Digits(limit=9), Gaussian(spectrum=SPECTRUM)):
        assert ANY.validate_python(part.model_dump(mode="json")) == part


def test_every_kind_has_a_source_a_schema_and_described_settings() -> None:
    assert ANY.json_schema()
    for part in members(Dataset).values():
        assert part.source
        assert all(field.description for name, field in part.model_fields.items() if name != "kind")
