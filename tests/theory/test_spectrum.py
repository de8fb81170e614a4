"""The spectrum of data: eigenvalues as numpy has them from the whole covariance, by every way that large data take."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from klsweep.theory import spectrum as module
from klsweep.theory.spectrum import Spectrum, spectrum

RANDOM = np.random.default_rng(0)
MIXED = RANDOM.standard_normal((12, 12)) * 0.9 ** np.arange(12)


def draw(count: int, *shape: int) -> np.ndarray:
    """Correlated data around a mean that is not 0, [count, 12] in any shape."""
    values = RANDOM.standard_normal((count, 12)) @ MIXED + 3.0
    return values.astype(np.float32).reshape(count, *(shape or (12,)))


def test_eigenvalues_are_those_of_the_population_covariance_whatever_the_shape_of_a_datum() -> None:
    train, test = draw(500), draw(100)
    found = spectrum(train.reshape(500, 1, 3, 4), test.reshape(100, 1, 3, 4))
    covariance = np.cov(train.T.astype(np.float64), ddof=0)
    # eigenvalues of a symmetric matrix are right to a few units in the last place of the largest
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(covariance)[::-1], rtol=1e-10)
    assert found.total == pytest.approx(np.trace(covariance), rel=1e-12)
    assert (found.input_dim, found.count, found.complete) == (12, 500, True)


def test_held_out_data_are_measured_about_the_training_mean_along_the_training_axes() -> None:
    train, test = draw(500), draw(100) + np.float32(0.5)
    found = spectrum(train, test)
    pca = PCA().fit(train.astype(np.float64))
    along = pca.transform(test.astype(np.float64))
    np.testing.assert_allclose(found.held_moments, np.square(along).mean(0), rtol=1e-8)
    np.testing.assert_allclose(np.abs(found.held_means), np.abs(along.mean(0)), rtol=1e-8)
    assert found.held_total == pytest.approx(
        np.square(test - train.mean(0, dtype=np.float64)).sum(1).mean(), rel=1e-6
    )


def test_the_training_data_as_held_out_data_have_the_eigenvalues_as_moments() -> None:
    train = draw(300)
    found = spectrum(train, train)
    np.testing.assert_allclose(found.held_moments, found.values, rtol=1e-8)
    np.testing.assert_allclose(found.held_means, 0, atol=1e-10)


@pytest.mark.parametrize("count", [9, 200])
def test_beyond_the_limit_few_data_or_few_axes_give_the_same_as_the_whole_covariance(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """9 data are decomposed whole by their products with each other, 200 by a randomised decomposition."""
    train, test = draw(count), draw(50)
    exact = spectrum(train, test)
    monkeypatch.setattr(module, "EXACT", 10)
    found = spectrum(train, test, axes=6)
    kept = len(found.values)
    assert (kept, found.complete) == ((9, True) if count == 9 else (6, False))
    # centred in float32: 1.2e-7 of the largest value, and the squares of it in the sums
    close = {"rtol": 1e-4, "atol": 1e-5 * exact.largest}
    np.testing.assert_allclose(found.values, exact.values[:kept], **close)
    spanned = min(kept, count - 1)  # the direction that nine data do not span has no axis
    np.testing.assert_allclose(found.held_moments[:spanned], exact.held_moments[:spanned], **close)
    assert found.total == pytest.approx(exact.total, rel=1e-5)
    assert found.held_total == pytest.approx(exact.held_total, rel=1e-5)
    for axes in range(kept + 1):
        assert found.tail(axes) == pytest.approx(exact.tail(axes), rel=1e-3, abs=1e-5 * exact.total)


def test_more_data_than_fit_are_represented_by_the_first_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = draw(400), draw(50)
    monkeypatch.setattr(module, "EXACT", 10)
    monkeypatch.setattr(module, "SAMPLE", 12 * 100)
    found = spectrum(train, test, axes=6)
    assert found.count == 100
    assert found.total == pytest.approx(spectrum(train[:100], test, axes=6).total, rel=1e-6)


def test_the_chunks_in_which_data_are_read_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = draw(500), draw(100)
    whole = spectrum(train, test)
    monkeypatch.setattr(module, "CHUNK", 12 * 7)
    np.testing.assert_allclose(spectrum(train, test).values, whole.values, rtol=1e-10)


def test_coins_that_are_drawn_anew_add_their_own_variance() -> None:
    """Var x = Var p + E[p (1 - p)] for x ~ Bernoulli(p), so the whole is that of a coin of the mean: m (1 - m)."""
    p = RANDOM.random((200, 5)).astype(np.float32)
    found = spectrum(p, p, dynamic=True)
    mean = p.mean(0, dtype=np.float64)
    assert found.total == pytest.approx(np.sum(mean * (1 - mean)), rel=1e-6)
    many = np.concatenate([RANDOM.random(p.shape) < p for _ in range(2000)]).astype(np.float32)
    # 400,000 draws: a variance near 1/4 is known to about 1/4 sqrt(2 / 400,000), 6e-4
    np.testing.assert_allclose(found.values, spectrum(many, p).values, atol=4 * 6e-4)


def test_data_on_a_plane_have_no_variance_outside_of_it() -> None:
    flat = RANDOM.standard_normal((100, 2)) @ RANDOM.standard_normal((2, 8))
    found = spectrum(flat, flat)
    assert np.count_nonzero(found.values) == 2
    assert found.tail(2) == 0
    constant = spectrum(np.ones((5, 3), np.float32), np.ones((2, 3), np.float32))
    assert (constant.largest, constant.total) == (0, 0)


def test_a_spectrum_survives_as_arrays() -> None:
    found = spectrum(draw(50), draw(20))
    again = Spectrum.of_arrays(found.arrays())
    assert found.arrays().keys() == again.arrays().keys() == Spectrum.NAMES
    for name, array in found.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])
