"""npz and npy: every shape and scale, every mistake, and an identity that is the content."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from klsweep.data import Dataset, Facts, Npy, Npz
from klsweep.errors import DataError

ANY = TypeAdapter(Dataset)


@pytest.fixture
def saved(tmp_path: Path):
    """Saves arrays to one .npz and gives its path."""

    def save(**arrays: np.ndarray) -> str:
        np.savez(tmp_path / "my data.npz", **arrays)
        return str(tmp_path / "my data.npz")

    return save


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def rows_of(*splits: np.ndarray) -> list[tuple[float, ...]]:
    return sorted(tuple(row) for split in splits for row in split.reshape(len(split), -1).tolist())


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ((20, 5), (5,)),
        ((20, 4, 6), (1, 4, 6)),
        ((20, 8, 6, 3), (3, 8, 6)),
        ((20, 3, 8, 6), (3, 8, 6)),
        ((20, 1, 8, 4), (1, 8, 4)),
        ((20, 7, 8, 6), (7, 8, 6)),
    ],
)
def test_shapes_become_flat_or_channels_first(
    random: np.random.Generator, saved, given: tuple[int, ...], becomes: tuple[int, ...]
) -> None:
    values = random.random(given).astype(np.float32)
    part = Npz(path=saved(x=values), valid=0.25)
    data = part.load()
    assert part.facts() == Facts(becomes, (12, 4, 4), unit_interval=True)
    moved = values.transpose(0, 3, 1, 2) if given[1:] == (8, 6, 3) else values
    assert rows_of(*data.splits) == rows_of(moved)


def test_bytes_are_divided_by_255_and_floats_are_left_alone(random: np.random.Generator, saved) -> None:
    bytes_ = np.arange(256, dtype=np.uint8).reshape(64, 4)
    floats = random.normal(size=(64, 4))
    assert rows_of(*Npz(path=saved(x=bytes_)).load().splits) == rows_of(bytes_.astype(np.float32) / 255)
    assert rows_of(*Npz(path=saved(x=bytes_), scale="none").load().splits) == rows_of(bytes_)
    assert rows_of(*Npz(path=saved(x=floats)).load().splits) == rows_of(floats.astype(np.float32))
    assert not Npz(path=saved(x=floats)).facts().unit_interval


def test_binary_bytes_are_not_divided_into_nothing(random: np.random.Generator, saved) -> None:
    coins = random.integers(0, 2, (50, 8), dtype=np.uint8)
    assert rows_of(*Npz(path=saved(x=coins)).load().splits) == rows_of(coins)


def test_standardize_uses_the_training_split_alone_each_dimension_by_itself(
    random: np.random.Generator, saved
) -> None:
    values = random.normal(size=(500, 3)) * [1, 100, 0] + [0, 1e6, 5]
    data = Npz(path=saved(x=values), scale="standardize").load()
    # rounding to float32 averages out; a single value of up to 4 deviations errs by 4 * 2^-24
    assert data.train.mean(0, dtype=np.float64) == pytest.approx([0, 0, 0], abs=4 * 2**-24)
    assert data.train.std(0, dtype=np.float64) == pytest.approx([1, 1, 0], abs=4 * 2**-24)
    assert abs(data.test.mean(0)).max() < 4 / np.sqrt(100) * np.sqrt(1 + 100 / 360)
    assert abs(data.test.mean(0)[0]) > 1e-6


def test_unit_scales_by_the_training_range_and_clips_the_rest(random: np.random.Generator, saved) -> None:
    train, test = random.random((40, 2)) * [2, 50] - 1, np.array([[-9.0, 0.0], [9.0, 99.0]])
    data = Npz(path=saved(x=train, t=test), key="x", test_key="t", scale="unit", valid=0.0).load()
    assert data.train.min(0).tolist() == [0, 0]
    assert data.train.max(0).tolist() == [1, 1]
    assert rows_of(data.train) == rows_of(((train - train.min(0)) / np.ptp(train, 0)).astype(np.float32))
    assert data.test[:, 0].tolist() == [0, 1]


def test_pictures_are_scaled_as_a_whole(random: np.random.Generator, saved) -> None:
    pictures = random.normal(size=(100, 6, 6)) + np.arange(6)
    train = Npz(path=saved(x=pictures), scale="standardize").load().train
    assert train.mean(dtype=np.float64) == pytest.approx(0, abs=2**-22)
    assert train.mean((0, 1, 2))[0] < -0.5


def test_a_test_set_and_labels_of_their_own(saved) -> None:
    x, y = np.arange(60.0).reshape(30, 2), np.arange(30)
    path = saved(x=x, y=y, t=x[:7] + 100, u=y[:7] + 100)
    data = Npz(path=path, key="x", labels="y", test_key="t", test_labels="u").load()
    assert data.test.tolist() == (x[:7] + 100).tolist()
    assert data.labels is not None
    for name, split in data.splits._asdict().items():
        assert (split[:, 0] / 2 if name != "test" else split[:, 0] / 2 + 50).tolist() == data.labels[
            name
        ].tolist()
    shared = Npz(path=path, key="x", labels="y").load()
    assert shared.labels is not None
    assert (shared.test[:, 0] / 2).tolist() == shared.labels["test"].tolist()


def test_identity_is_the_content_and_never_the_path(
    random: np.random.Generator, saved, tmp_path: Path
) -> None:
    path = saved(x=random.random((20, 2)))
    moved = shutil.copy(path, tmp_path / "elsewhere.npz")
    one, notes = Npz(path=path).locate(None, download=False)
    other, _ = Npz(path=str(moved)).locate(None, download=False)
    assert notes == ()
    assert one.model_dump(mode="json") == other.model_dump(mode="json")
    assert re.fullmatch("[0-9a-f]{16}", one.fingerprint)
    assert str(tmp_path) not in one.model_dump_json()
    assert ANY.validate_python(one.model_dump(mode="json")).fingerprint == one.fingerprint
    saved(x=random.random((20, 2)))
    assert Npz(path=path).locate(None, download=False)[0].fingerprint != one.fingerprint
    for use in (one.load, lambda: one.locate(None, download=False)):
        with pytest.raises(DataError, match=rf"dataset\.fingerprint.*the spec says {one.fingerprint}"):
            use()


def test_a_relative_path_is_taken_against_the_current_and_the_data_folder(
    random: np.random.Generator, tmp_path, monkeypatch
) -> None:
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "a.npy", random.random((20, 2)))
    monkeypatch.chdir(tmp_path)
    full = str(tmp_path / "data" / "a.npy")
    assert Npy(path="data/a.npy").locate(None, download=False)[0].path == full
    assert Npy(path="a.npy").locate(tmp_path / "data", download=False)[0].path == full
    assert len(Npy(path="a.npy").load(tmp_path / "data").test) == 4
    monkeypatch.setenv("KLSWEEP_DATA", "data")
    assert Npy(path="a.npy").locate(None, download=False)[0].path == full


def test_facts_follow_the_file(random: np.random.Generator, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, random.random((20, 2)))
    assert Npy(path=str(path)).facts().input_dim == 2
    np.save(path, random.random((20, 3)))
    os.utime(path, ns=(1, 1))
    assert Npy(path=str(path)).facts().input_dim == 3


def test_names_are_safe_for_tables_and_folders() -> None:
    assert Npz(path="a/b/my data (2).npz").name == "my-data-2"
    assert Npy(path="/x/frey_faces.npy").name == "frey_faces"
    assert Npz(fingerprint="0" * 16).name == "npz"


FINE = np.random.default_rng(0).random((20, 2))


@pytest.mark.parametrize(
    ("arrays", "settings", "said"),
    [
        ({"x": FINE.astype(object)}, {}, "holds Python objects.*would run code.*float32"),
        ({"x": np.array([["a"]] * 20)}, {}, "type <U1.*real numbers"),
        ({"x": FINE + 1j}, {}, "type complex128"),
        ({"x": FINE[:, 0]}, {}, r"shape \[20\].*reshape"),
        ({"x": FINE[:, :0]}, {}, r"shape \[20, 0\].*no axis empty"),
        ({"x": np.where(FINE.max() == FINE, np.nan, FINE)}, {}, "1 values that are NaN.*first at"),
        ({"x": FINE * 1e300}, {}, "too large for float32.*3.4e[+]38"),
        ({"x": FINE[:1]}, {}, "no training data"),
        ({"x": FINE[:0]}, {}, "has no data"),
        ({"x": FINE - 1}, {"binarize": "dynamic"}, "values run from.*scale: unit"),
        (
            {"images": FINE},
            {"key": "image"},
            r"dataset.key: no array 'image'.*images \[20, 2\] float64.*did you mean",
        ),
        (
            {"x": FINE, "y": FINE},
            {},
            r"dataset.key: .* has 2 arrays: one of x \[20, 2\].*y \[20, 2\].*write key",
        ),
        ({"x": FINE}, {"labels": "y"}, "dataset.labels: no array 'y'"),
        ({"x": FINE, "t": FINE[:, :1]}, {"key": "x", "test_key": "t"}, r"test_key: test data of shape \[1\]"),
        ({"x": FINE, "y": FINE[:5]}, {"key": "x", "labels": "y"}, "labels of shape.*for 20 data"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_the_fix(saved, arrays, settings, said: str) -> None:
    path = saved(**arrays)
    for use in (Npz(path=path, **settings).load, Npz(path=path, **settings).facts):
        with pytest.raises(DataError, match=said):
            use()


def test_what_is_wrong_in_the_settings_is_said_before_any_file_is_read() -> None:
    bad = (
        ({"kind": "npz"}, "path: give the file"),
        ({"kind": "npy", "path": "a", "key": "x"}, "Extra inputs"),
        ({"kind": "npz", "path": "a", "test_key": "t", "test": 0.5}, "test has no effect"),
        ({"kind": "npz", "path": "a", "test_key": "t", "labels": "y"}, "test_labels: needed"),
        ({"kind": "npz", "path": "a", "test_labels": "y"}, "test_labels: needed"),
        ({"kind": "npz", "path": "a", "fingerprint": "no"}, "pattern"),
        ({"kind": "npz", "path": "a", "limit": 0}, "greater than 0"),
        ({"kind": "npz", "path": "a", "valid": 1.0}, "less than 1"),
    )
    for settings, said in bad:
        with pytest.raises(ValidationError, match=said):
            ANY.validate_python(settings)


def test_a_missing_file_is_said_with_its_neighbours(saved, tmp_path: Path) -> None:
    saved(x=FINE)
    with pytest.raises(
        DataError, match=r"no file 'my dat\.npz'.*which has my data\.npz.*did you mean 'my data"
    ):
        Npz(path="my dat.npz").locate(tmp_path, download=True)
    with pytest.raises(DataError, match="no path given"):
        Npz(fingerprint="0" * 16).load()


def test_a_file_of_the_other_kind_or_none_is_refused(saved, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", FINE)
    np.save(tmp_path / "objects.npy", FINE.astype(object))
    (tmp_path / "text.npz").write_text("not an archive")
    whole = Path(saved(x=FINE)).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"single array.*kind: npy"):
        Npz(path=str(tmp_path / "a.npy")).load()
    with pytest.raises(DataError, match=r"archive of arrays.*kind: npz"):
        Npy(path=saved(x=FINE)).load()
    with pytest.raises(DataError, match="Python objects"):
        Npy(path=str(tmp_path / "objects.npy")).load()
    for damaged, said in (("text.npz", "not a file of numpy"), ("cut.npz", "cannot be read")):
        with pytest.raises(DataError, match=said):
            Npz(path=str(tmp_path / damaged)).load()
