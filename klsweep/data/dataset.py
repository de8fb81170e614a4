"""What every data set gives: its shape and sizes, where it lives, and its arrays."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.data.sources import Progress
from klsweep.data.split import Array, Binarize, Rows, Sizes, Splits, binarized, sizes, take
from klsweep.data.values import COINS, Pieces, Values, pieces_of
from klsweep.part import Part

TestShare = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class Facts:
    """What can be said of a data set without reading its values."""

    input_shape: tuple[int, ...]
    sizes: Sizes  # train, valid, test
    unit_interval: bool  # every value lies in [0, 1]
    vocabulary: int = 0
    """Where values are tokens and no quantities, how many there are, numbered from 0; else 0."""

    @property
    def input_dim(self) -> int:
        """N, the number of dimensions of one datum."""
        return int(np.prod(self.input_shape))


@dataclass(frozen=True)
class Data:
    """A data set in memory, split once and for all. Arrays are float32 [n, *input_shape]."""

    train: Array
    valid: Array
    test: Array
    dynamic: bool = False
    """Training values are probabilities, to be drawn anew in every epoch; valid and test are drawn already."""
    labels: dict[str, NDArray[Any]] | None = None
    """Labels [n] of each split by its name, where the data set has them."""
    factors: dict[str, NDArray[np.int64]] | None = None
    """Classes [n, factor] of the known factors of each split by its name; a fixed factor is a constant column."""
    factor_names: tuple[str, ...] = ()
    """The factors in the order of those columns; none where `factors` is None."""
    lengths: NDArray[np.int64] | None = None
    """The length [n] of each training datum, where they differ and the rest is padding."""
    words: tuple[str, ...] = ()
    """The word of each token, where values are tokens and no quantities."""

    @property
    def splits(self) -> Splits[Array]:
        """The three arrays by the names of their splits."""
        return Splits(self.train, self.valid, self.test)


class DataPart(Part):
    """A data set as a part, with the options that all share: how it is cut, split and binarised."""

    binarize: Binarize = Field(
        default="none",
        description="values in [0, 1] to {0, 1}: x > 0.5; one draw for good; or training data drawn every epoch",
    )
    limit: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="use at most n data to train and validate on, and at most n to test on"
    )
    valid: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.1, description="share of the training pool held out for validation; 0 for none"
    )
    split_seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=0, description="key of the shuffle before splitting, and of the static binarisation"
    )

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for tables and folders."""

    @abstractmethod
    def locate(
        self, data_dir: Path | None = None, *, download: bool, progress: Progress | None = None
    ) -> tuple["DataPart", tuple[str, ...]]:
        """The data set that is truly used, and notes for the user; `DataError` where there is none."""

    @abstractmethod
    def facts(self, data_dir: Path | None = None) -> Facts:
        """Shape of one datum, sizes of the splits and range of the values."""

    @abstractmethod
    def read(self, data_dir: Path | None = None) -> Data:
        """The data split and scaled, not yet binarised."""

    def pieces(self, data_dir: Path | None = None) -> Pieces:
        """The values of the training split, not yet binarised, each with how often it occurs.

        A data set that knows them, or can count them without making floats of them, says so faster than this.
        """
        return pieces_of(self.read(data_dir).train)

    def values(self, data_dir: Path | None = None) -> Values:
        """The values that are trained on; the data are read when the first question is asked, if they must be."""
        dim = self.facts(data_dir).input_dim
        return Values(dim, lambda: COINS if self.binarize != "none" else self.pieces(data_dir))

    def load(self, data_dir: Path | None = None) -> Data:
        """The data as they are trained on, float32 [n, *input_shape]."""
        data = self.read(data_dir)
        drawn = binarized(data.splits, self.binarize, seed=self.split_seed)
        return replace(
            data, train=drawn.train, valid=drawn.valid, test=drawn.test, dynamic=self.binarize == "dynamic"
        )

    def sizes(self, pool: int, test: int) -> Sizes:
        """(train, valid, test) of a pool and a test set under these options; `DataError` where one is empty."""
        return sizes(pool, test, valid=self.valid, limit=self.limit)


class EmbeddedPart(DataPart):
    """A data set that needs no file, so it is always at hand."""

    def locate(
        self,
        data_dir: Path | None = None,  # noqa: ARG002
        *,
        download: bool,  # noqa: ARG002
        progress: Progress | None = None,  # noqa: ARG002
    ) -> tuple[Self, tuple[str, ...]]:
        """The set itself, with nothing to note."""
        return self, ()


def named_labels(
    labels: NDArray[Any], rows: Splits[Rows], *, test: NDArray[Any] | None = None
) -> dict[str, NDArray[Any]]:
    """Labels [n] of each split by its name."""
    return take(labels, rows, test=test)._asdict()
