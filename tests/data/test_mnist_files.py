"""MNIST and Fashion-MNIST: where they are found, what they hold, and what stands in for them."""

import os
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from klsweep.data import Dataset, Digits, FashionMnist, Gaussian, Mnist
from klsweep.data.idx import read_idx
from klsweep.data.sources import VARIABLE
from klsweep.errors import DataError

ANY = TypeAdapter(Dataset)


@pytest.fixture
def small(fake, monkeypatch: pytest.MonkeyPatch):
    """Mnist with the checksums of the small fake files."""
    monkeypatch.setattr(Mnist, "archive", fake.archive())
    return fake


@pytest.mark.mnist
@pytest.mark.parametrize(("kind", "mean", "std"), [(Mnist, 0.1307, 0.3081), (FashionMnist, 0.2860, 0.3530)])
def test_the_real_files_have_the_published_mean_and_deviation(kind: type, mean: float, std: float) -> None:
    if VARIABLE not in os.environ:
        pytest.skip(f"{VARIABLE} does not name a folder with the files")
    part = kind(valid=0.0)
    try:
        part.locate(None, download=False)
    except DataError as error:
        pytest.skip(str(error))
    data = part.load()
    assert part.facts().sizes == tuple(map(len, data.splits))
    assert part.facts().input_shape == data.train.shape[1:]
    assert data.train.dtype == np.float32
    assert data.train.mean(dtype=np.float64) == pytest.approx(mean, abs=5e-5)  # published to 4 places
    variance = np.square(data.train).mean(dtype=np.float64) - data.train.mean(dtype=np.float64) ** 2
    assert np.sqrt(variance) == pytest.approx(std, abs=5e-5)
    assert data.labels is not None
    if kind is FashionMnist:
        assert np.bincount(data.labels["train"]).tolist() == [6000] * 10  # Xiao et al. 2017, table 2
    else:
        assert np.bincount(data.labels["test"])[:3].tolist() == [980, 1135, 1032]


@pytest.mark.parametrize("place", ["mnist", "MNIST/raw", ""])
@pytest.mark.parametrize("packed", [True, False])
def test_files_are_found_packed_or_not_in_the_usual_folders(small, tmp_path: Path, place, packed) -> None:
    small.write(tmp_path / "here" / place, packed=packed)
    located, notes = Mnist().locate(tmp_path / "here", download=False)
    data = located.load(tmp_path / "here")
    assert (located, notes) == (Mnist(), ())
    assert [split.shape for split in data.splits] == [(18, 1, 28, 28), (2, 1, 28, 28), (10, 1, 28, 28)]
    assert data.test[:, 0] * 255 == pytest.approx(small.images[20:], abs=255 * 2**-23)


def test_the_variable_and_the_cache_are_looked_in_too(small, tmp_path, monkeypatch, cache) -> None:
    small.write(cache / "mnist")
    assert Mnist().locate(tmp_path, download=False) == (Mnist(), ())
    small.write(tmp_path / "named" / "mnist")
    (cache / "mnist").rename(cache / "gone")
    with pytest.raises(DataError):
        Mnist().locate(tmp_path, download=False)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    assert Mnist().locate(tmp_path, download=False) == (Mnist(), ())


def test_a_wrong_file_of_the_users_own_is_an_error_even_with_a_fallback(small, tmp_path: Path) -> None:
    wrong = small.write(tmp_path / "mnist") / "t10k-labels-idx1-ubyte.gz"
    wrong.write_bytes(b"other")
    found = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"  # sha256sum of "other"
    expected = small.archive().files[3].sha256
    with pytest.raises(DataError) as error:
        Mnist(fallback=Digits()).locate(tmp_path, download=False)
    (problem,) = error.value.problems
    assert problem.where == str(wrong)
    assert found in problem.what
    assert expected in problem.allowed


def test_missing_without_fallback_says_where_it_looked_and_what_to_do(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    for attempt in (lambda: Mnist().locate(tmp_path, download=False), lambda: Mnist().load(tmp_path)):
        with pytest.raises(DataError) as error:
            attempt()
        said = str(error.value)
        assert f"{tmp_path / 'mnist'} (without train-images" in said
        assert str(cache / "mnist") in said
        assert "dataset: digits" in said
        assert VARIABLE in said


def test_a_fallback_takes_over_and_says_so(tmp_path: Path) -> None:
    part = Mnist(binarize="dynamic", limit=300, valid=0.2, split_seed=7, fallback=Digits(valid=0.3, test=0.5))
    used, (note,) = part.locate(tmp_path, download=False)
    assert used == Digits(binarize="dynamic", limit=300, valid=0.3, split_seed=7, test=0.5)
    assert "mnist IS MISSING, digits IS USED INSTEAD" in note
    assert str(tmp_path / "mnist") in note
    assert "klsweep run" in note


def test_a_fallback_that_cannot_take_over_is_refused_when_it_is_written() -> None:
    gaussian = {"kind": "gaussian", "spectrum": [1.0]}
    with pytest.raises(ValidationError, match="fallback cannot take over this data set's options: binarize"):
        ANY.validate_python({"kind": "mnist", "binarize": "static", "fallback": gaussian})
    own = {**gaussian, "binarize": "none"}
    part = ANY.validate_python({"kind": "mnist", "binarize": "static", "fallback": own})
    assert part.locate(None, download=False)[0] == Gaussian(spectrum=(1.0,))


def test_the_fallback_is_not_part_of_the_identity(small, tmp_path: Path) -> None:
    small.write(tmp_path / "mnist")
    part = ANY.validate_python({"kind": "mnist", "fallback": "digits"})
    located, _ = part.locate(tmp_path, download=False)
    assert part.model_dump(mode="json") == Mnist().model_dump(mode="json")
    assert located == Mnist()
    assert hash(located) == hash(Mnist())


def test_names_are_the_kinds() -> None:
    assert [part.name for part in (Mnist(), FashionMnist(), Digits())] == ["mnist", "fashion_mnist", "digits"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x08\x02\0\0\0\x02", b"\0\0\x08\x01\0\0\0\x02\1", b"\0\0\x0d\x01\0\0\0\x01\1"],
)
def test_what_is_not_idx_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(DataError, match="not an IDX file"):
        read_idx(tmp_path / "broken")
    (tmp_path / "broken.gz").write_bytes(content or b"x")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path / "broken.gz")
