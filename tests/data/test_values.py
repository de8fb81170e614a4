"""The values of training data with their counts: those of the training split, read when asked for, or never."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from klsweep.data import Digits, Gaussian, Mnist, Npz, Values, digits, pieces_of
from klsweep.data.dataset import DataPart
from klsweep.data.values import PIECE, counted
from klsweep.errors import DataError


def as_they_are(part: DataPart, folder: Path | None = None) -> np.ndarray:
    return part.load(folder).train.astype(np.float64).ravel()


def saved(path: Path, values: np.ndarray) -> Npz:
    np.savez(path / "own.npz", x=values)
    return Npz(path=str(path / "own.npz"))


def same(found: Values, plain: np.ndarray) -> None:
    assert found.mean(np.square) == pytest.approx(
        np.square(plain).mean(), rel=1e-12
    )  # float64 sums in another order
    assert found.mean(lambda x: x > 0.3) == pytest.approx((plain > 0.3).mean(), rel=1e-12)
    assert (found.largest(np.asarray), -found.largest(np.negative)) == (plain.max(), plain.min())
    different = np.unique(plain)
    assert found.distinct(len(different)).tolist() == different.tolist()
    assert found.distinct(len(different) - 1) is None


RANDOM = np.random.default_rng(0)
OWN = {
    "bytes": RANDOM.integers(0, 256, (20, 6), dtype=np.uint8),
    "bytes as floats": RANDOM.integers(0, 256, (20, 6)).astype(np.float32) / np.float32(255),
    "any numbers": RANDOM.normal(size=(20, 6)),
    "floats in the unit interval": RANDOM.random((20, 6)),
}


@pytest.mark.parametrize("values", OWN.values(), ids=OWN)
def test_the_values_of_a_file_are_those_of_its_training_split(tmp_path: Path, values: np.ndarray) -> None:
    part = saved(tmp_path, values)
    assert part.values().input_dim == 6
    same(part.values(), as_they_are(part))


@pytest.mark.parametrize("part", [Digits(), Digits(limit=7, split_seed=3), Gaussian(spectrum=(2.0, 1.0))])
def test_the_values_of_an_embedded_set_are_those_of_its_training_split(part: DataPart) -> None:
    same(part.values(), as_they_are(part))


@pytest.mark.parametrize("options", [{}, {"limit": 5}, {"valid": 0.5, "split_seed": 1}])
def test_the_bytes_of_mnist_are_counted_to_the_same(fake, monkeypatch, tmp_path: Path, options) -> None:
    monkeypatch.setattr(Mnist, "archive", fake.archive())
    fake.write(tmp_path)
    part = Mnist(**options)
    ((levels, _),) = part.values(tmp_path).pieces
    assert levels.dtype == np.float32
    same(part.values(tmp_path), as_they_are(part, tmp_path))


def test_more_values_than_fit_into_a_piece_are_all_there() -> None:
    many = RANDOM.random((3, PIECE // 2 + 1), dtype=np.float32)
    found = Values(1, lambda: pieces_of(many))
    assert len(found.pieces) > 1
    assert found.mean(np.asarray) == pytest.approx(many.mean(dtype=np.float64), rel=1e-12)
    assert found.largest(np.asarray) == many.max()


@pytest.mark.parametrize("other", [0.5, -1 / 255, 256 / 255, float(np.nextafter(np.float32(1 / 255), 1))])
def test_one_value_that_is_no_byte_keeps_values_from_being_counted(other: float) -> None:
    bytes_ = (np.arange(256) / 255).astype(np.float32)
    ((levels, counts),) = counted(bytes_)
    assert (levels == bytes_).all()
    assert (counts == 1).all()
    assert counted(np.append(bytes_, np.float32(other))) is None


@pytest.mark.parametrize("binarize", ["threshold", "static", "dynamic"])
def test_binarised_values_are_0_and_1_without_reading_the_data(tmp_path: Path, binarize: str) -> None:
    found = Mnist(binarize=binarize).values(tmp_path)  # nothing is in the folder
    assert found.distinct(2).tolist() == [0, 1]
    with pytest.raises(DataError):
        Mnist().values(tmp_path).mean(np.asarray)


def test_nothing_is_read_before_a_question_and_once_after_it() -> None:
    reads = []
    values = Values(1, lambda: reads.append(1) or pieces_of(np.array([[0.5]], np.float32)))
    assert reads == []
    assert values.mean(np.asarray) == values.largest(np.asarray) == 0.5
    assert reads == [1]


def test_digits_are_those_of_scikit_learn_from_its_file_and_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, labels = load_digits(return_X_y=True)
    for name in (digits.FILE, "moved.csv.gz"):
        monkeypatch.setattr(digits, "FILE", name)
        digits._table.cache_clear()
        ours, theirs = digits._table()
        assert (ours == images).all()
        assert (theirs == labels).all()
    digits._table.cache_clear()


def test_reading_digits_does_not_wait_for_scikit_learn() -> None:
    question = "import sys; from klsweep.data import Digits; Digits().load(); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
