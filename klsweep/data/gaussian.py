"""Gaussian data of a known spectrum: what theory says of a linear VAE can be checked on them to the digit."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from klsweep.data.dataset import Data, EmbeddedPart, Facts, TestShare
from klsweep.data.split import Array, Sizes, Splits, generator, held_out
from klsweep.errors import DataError

Eigenvalue = Annotated[float, Field(ge=0)]


class Gaussian(EmbeddedPart):
    """Centred Gaussian data [n, N] in a random orthogonal basis, the same for all splits.

    With `exact`, each split by itself has sample mean 0 and a sample covariance (1/n) of exactly the given
    spectrum, up to float32 rounding, so a closed form in the spectrum holds on held-out data without error.
    """

    kind: Literal["gaussian"] = "gaussian"
    source: ClassVar[str] = "drawn here; the data of the linear VAE's closed form (Lucas et al. 2019)"

    spectrum: Annotated[tuple[Eigenvalue, ...], Field(strict=False, min_length=1)] = Field(
        description="eigenvalues of the covariance, in squared units of the data; their number is N"
    )
    size: Annotated[int, Field(gt=1)] = Field(default=4096, description="data in all three splits together")
    test: TestShare = Field(default=0.2, description="share of `size` held out for testing")
    exact: bool = Field(default=True, description="match mean and covariance of each split exactly")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.binarize != "none":
            raise ValueError(f"binarize: {self.binarize} needs values in [0, 1]; write binarize: none")
        try:
            counts = self._sizes()
        except DataError as error:
            raise ValueError(str(error)) from None
        if self.exact:
            self._check_rank(counts)
        return self

    @property
    def name(self) -> str:
        """`gaussian`."""
        return self.kind

    def facts(self, data_dir: Path | None = None) -> Facts:  # noqa: ARG002
        """Known from the settings."""
        return Facts((len(self.spectrum),), self._sizes(), unit_interval=False)

    def read(self, data_dir: Path | None = None) -> Data:  # noqa: ARG002
        """Draw x = Q diag(sqrt(spectrum)) e with e standard normal, each split by a stream of its own."""
        dim = len(self.spectrum)
        axes = np.sqrt(np.asarray(self.spectrum)) * _basis(dim, generator(self.split_seed, "basis"))
        drawn = [
            self._normal(count, generator(self.split_seed, f"draw {split}")) @ axes.T
            for split, count in zip(Splits._fields, self._sizes(), strict=True)
        ]
        train, valid, test = (_as_float32(split) for split in drawn)
        return Data(train, valid, test)

    def _sizes(self) -> Sizes:
        testing = held_out(self.size, self.test)
        return self.sizes(self.size - testing, testing)

    def _normal(self, count: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Standard normal [count, N]; with `exact`, the nearest with mean 0 and sample covariance 1."""
        values = random.standard_normal((count, len(self.spectrum)))
        return _whitened(values) if self.exact and count else values

    def _check_rank(self, counts: Sizes) -> None:
        """n data span n - 1 dimensions about their mean, so a full covariance needs n > N."""
        for split, count in zip(Splits._fields, counts, strict=True):
            if 0 < count <= len(self.spectrum):
                raise ValueError(
                    f"exact: {count} {split} data cannot have a covariance of {len(self.spectrum)} dimensions; "
                    f"each split needs more data than dimensions: raise size or limit, or write exact: false"
                )


def _basis(dim: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A uniformly random orthogonal matrix [dim, dim] (Mezzadri 2007: QR with the signs of R's diagonal)."""
    q, r = np.linalg.qr(random.standard_normal((dim, dim)))
    return np.asarray(q * np.sign(np.diag(r)))


def _whitened(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest data [n, N] with sample mean 0 and sample covariance (1/n) the identity: the polar factor."""
    u, _, vt = np.linalg.svd(values - values.mean(0), full_matrices=False)
    return np.asarray(np.sqrt(len(values)) * u @ vt)


def _as_float32(values: NDArray[np.float64]) -> Array:
    return values.astype(np.float32)
