"""Spectra beside the results: kept under the label of their data set, whatever is in it, and never in the way."""

import numpy as np
import pytest

from klsweep.store import Store

LABELS = ("mnist", "gaussian(spectrum=8-4-2, size=65536)", "a/b: ünï $x$ " + "long" * 100)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path, "s")


def test_spectra_come_back_by_the_label_of_their_data_set(store):
    for number, label in enumerate(LABELS):
        store.write_spectrum(label, {"values": np.arange(3) + number, "total": np.float64(number)})
    found = Store(store.path).spectra()
    assert set(found) == set(LABELS)
    for number, label in enumerate(LABELS):
        np.testing.assert_array_equal(found[label]["values"], np.arange(3) + number)
        assert found[label]["total"] == number


def test_the_same_spectrum_gives_the_same_bytes_and_a_new_one_replaces_it(store):
    store.write_spectrum("x", {"values": np.ones(3)})
    (path,) = store.path.glob("spectra/*")
    before = path.read_bytes()
    store.write_spectrum("x", {"values": np.ones(3)})
    assert path.read_bytes() == before
    store.write_spectrum("x", {"values": np.zeros(3)})
    assert store.spectra()["x"]["values"].sum() == 0


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut short"])
def test_damaged_ones_are_left_out(store, content):
    store.write_spectrum("good", {"values": np.ones(3)})
    (store.path / "spectra" / "0123456789ab.npz").write_bytes(content)
    assert set(store.spectra()) == {"good"}


def test_a_store_without_spectra_has_none_and_what_a_killed_writer_left_is_swept(store):
    assert store.spectra() == {}
    store.write_spectrum("x", {"values": np.ones(3)})
    left = store.path / "spectra" / "0123456789ab.npz.tmp-1-aaaaaaaa"
    left.write_bytes(b"half")
    store.sweep_temporaries(older_than=0)
    assert not left.exists()
    assert set(store.spectra()) == {"x"}
