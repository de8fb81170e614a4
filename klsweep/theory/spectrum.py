"""The spectrum of a data set's covariance, and how much of the held-out data lies along each of its axes.

Everything is in squared units of the data and in float64. The training split gives mean, axes and eigenvalues, with
the 1/n of a population; the held-out split is measured about the training mean, along the training axes, for that is
where a model that was fitted to the training split meets it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]

EXACT = 4096
"""Dimensions, or data, up to which all eigenvalues are computed: 20 s of one core at the limit."""

AXES = 256  # of data with more dimensions and more data than that, where nobody asks for more

SAMPLE = 2**27
"""Values that are centred at once beyond the limit: 0.5 GiB; of more data, the first rows stand for all."""

CHUNK = 2**21  # values of a chunk: 16 MiB in float64

THREADS = 1
"""Of the linear algebra: it is the same to the bit everywhere, and no slower beside a training on the same cores. On
two cores that were busy, two threads took 7 times as long as one for the eigenvalues of 784 dimensions."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of a covariance and the held-out moments along the same axes."""

    input_dim: int  # N
    count: int  # training data that it rests on
    values: Floats  # [axis] eigenvalues, largest first; all of them, unless `values` and `total` leave a rest
    total: float  # sum of all N eigenvalues
    held_moments: Floats  # [axis] mean square of the held-out data along each axis, about the training mean
    held_means: Floats  # [axis] their mean along each axis, about the training mean
    held_total: float  # mean squared distance of the held-out data from the training mean

    NAMES: ClassVar[frozenset[str]] = frozenset(
        ("input_dim", "count", "values", "total", "held_moments", "held_means", "held_total")
    )
    """Of the arrays that keep it."""

    @property
    def largest(self) -> float:
        """The variance along the first axis: the water level theta at and above which nothing is coded."""
        return float(self.values[0])

    @property
    def complete(self) -> bool:
        """Whether no eigenvalue is left out but zeros."""
        return len(self.values) >= min(self.input_dim, self.count)

    def tail(self, axes: int) -> float:
        """The variance outside the first `axes` axes."""
        rest = 0.0 if self.complete else max(self.total - float(self.values.sum()), 0.0)
        return float(self.values[axes:].sum()) + rest

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The same as arrays by name, to be kept in a file."""
        return {name: np.asarray(getattr(self, name)) for name in sorted(self.NAMES)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The spectrum that `arrays` gave."""
        return cls(
            input_dim=int(arrays["input_dim"]),
            count=int(arrays["count"]),
            total=float(arrays["total"]),
            held_total=float(arrays["held_total"]),
            **{
                name: np.asarray(arrays[name], np.float64)
                for name in ("values", "held_moments", "held_means")
            },
        )


def spectrum(train: NDArray[Any], held: NDArray[Any], *, dynamic: bool = False, axes: int = AXES) -> Spectrum:
    """The spectrum of `train` [n, ...], and what its axes catch of `held` [m, ...].

    All eigenvalues where the dimensions, or the data, are at most `EXACT`; else the `axes` largest, by a randomised
    decomposition (Halko et al. 2011) of at most `SAMPLE` values. With `dynamic`, training values are probabilities of
    a one that is drawn anew in every epoch: the covariance is that of all the draws.
    """
    x, y = train.reshape(len(train), -1), held.reshape(len(held), -1)
    with threadpool_limits(THREADS):
        if x.shape[1] <= EXACT:
            return _by_covariance(x, y, dynamic=dynamic)
        kept = x[: max(2, SAMPLE // x.shape[1])]
        if dynamic:
            kept = np.random.default_rng(0).random(kept.shape, dtype=np.float32) < kept
        return _by_rows(kept, y, _all_axes if len(kept) <= EXACT else _leading_axes(axes))


def _by_covariance(x: NDArray[Any], y: NDArray[Any], *, dynamic: bool) -> Spectrum:
    """From the covariance, [N, N], made up of chunks of the data."""
    mean = x.mean(0, dtype=np.float64)
    covariance = _second_moment(x, mean)
    if dynamic:
        covariance[np.diag_indices_from(covariance)] += _coin_variance(x)
    values, axes = np.linalg.eigh(covariance)
    values, axes = _cleaned(values[::-1], size=x.shape[1]), axes[:, ::-1]
    about = _second_moment(y, mean)
    return Spectrum(
        input_dim=x.shape[1],
        count=len(x),
        values=values,
        total=float(np.trace(covariance)),
        held_moments=np.einsum("ij,ij->j", about @ axes, axes),
        held_means=(y.mean(0, dtype=np.float64) - mean) @ axes,
        held_total=float(np.trace(about)),
    )


Axes = tuple[Floats, NDArray[Any]]  # eigenvalues [axis], largest first, and unit vectors [N, axis]


def _by_rows(x: NDArray[Any], y: NDArray[Any], decompose: Callable[[NDArray[np.float32]], Axes]) -> Spectrum:
    """From the centred data, [n, N], where there are too many dimensions for a covariance."""
    mean = x.mean(0, dtype=np.float64)
    centred = (x - mean.astype(np.float32)).astype(np.float32, copy=False)
    values, axes = decompose(centred)
    along = np.concatenate([chunk @ axes for chunk in _centred(y, mean)])
    return Spectrum(
        input_dim=x.shape[1],
        count=len(x),
        values=_cleaned(values, size=max(x.shape)),
        total=_mean_square(centred),
        held_moments=np.square(along).mean(0),
        held_means=along.mean(0),
        held_total=sum(float(np.square(chunk).sum()) for chunk in _centred(y, mean)) / len(y),
    )


def _all_axes(centred: NDArray[np.float32]) -> Axes:
    """By the products of the data with each other, [n, n], which have the same eigenvalues but for zeros."""
    columns = CHUNK // len(centred)
    products = np.zeros((len(centred), len(centred)))
    for low in range(0, centred.shape[1], columns):
        chunk = centred[:, low : low + columns].astype(np.float64)
        products += chunk @ chunk.T
    values, weights = np.linalg.eigh(products / len(centred))
    values, weights = values[::-1], weights[:, ::-1]
    spanned = (
        values > np.finfo(np.float32).eps * values[0]
    )  # centred in float32, so smaller ones are rounding
    axes = centred.T @ (weights[:, spanned] / np.sqrt(len(centred) * values[spanned])).astype(np.float32)
    unspanned = np.zeros((centred.shape[1], int((~spanned).sum())), dtype=np.float32)
    return np.where(spanned, values, 0.0), np.hstack([axes, unspanned])


def _leading_axes(most: int) -> Callable[[NDArray[np.float32]], Axes]:
    def found(centred: NDArray[np.float32]) -> Axes:
        """By scikit-learn's randomised singular values, always from the same random start."""
        from sklearn.utils.extmath import randomized_svd

        _, singular, axes = randomized_svd(centred, n_components=most, n_iter=4, random_state=0)
        return np.square(singular.astype(np.float64)) / len(centred), axes.T

    return found


def _second_moment(x: NDArray[Any], about: Floats) -> Floats:
    """The mean of (x - about)(x - about)^T over the data [n, N]."""
    moment = np.zeros((x.shape[1], x.shape[1]))
    for chunk in _centred(x, about):
        moment += chunk.T @ chunk
    return moment / len(x)


def _coin_variance(x: NDArray[Any]) -> Floats:
    """The mean over the data of p (1 - p): what drawing coins adds to the variance of each dimension. [N]."""
    variance = np.zeros(x.shape[1])
    for chunk in _centred(x, np.zeros(x.shape[1])):
        variance += np.sum(chunk * (1 - chunk), 0)
    return variance / len(x)


def _mean_square(centred: NDArray[np.float32]) -> float:
    rows = max(1, CHUNK // centred.shape[1])
    parts = (centred[low : low + rows] for low in range(0, len(centred), rows))
    return sum(float(np.square(part, dtype=np.float64).sum()) for part in parts) / len(centred)


def _centred(x: NDArray[Any], about: Floats) -> Iterator[Floats]:
    rows = max(1, CHUNK // x.shape[1])
    for low in range(0, len(x), rows):
        yield x[low : low + rows].astype(np.float64) - about


def _cleaned(values: Floats, *, size: int) -> Floats:
    """Eigenvalues that rounding has made of 0 are 0: those below `size` units in the last place of the largest."""
    values = np.ascontiguousarray(values)
    return np.where(values > size * np.finfo(np.float64).eps * values[0], values, 0.0)
