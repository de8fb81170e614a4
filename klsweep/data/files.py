"""What every data set in the user's own files has: a path, an identity that is the content, scales and splits."""

import re
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

from numpy.typing import NDArray
from pydantic import Field, model_validator

from klsweep.data.dataset import Data, DataPart, Facts, TestShare, named_labels
from klsweep.data.scaling import Scale, scaled
from klsweep.data.sources import Progress
from klsweep.data.split import held_out, in_unit_interval, rows, take
from klsweep.data.stored import changed, check_fingerprint, find, fingerprint
from klsweep.data.values import Pieces, counted, pieces_of
from klsweep.errors import DataError, Problem
from klsweep.part import kind_of


@dataclass(frozen=True)
class Stored:
    """What a file holds, as it is there: values [n, ...], and a test set and labels [n, ...] if any."""

    pool: NDArray[Any]
    test: NDArray[Any] | None = None
    labels: NDArray[Any] | None = None
    test_labels: NDArray[Any] | None = None


class FilePart(DataPart):
    """A data set in a file or folder of the user. Its identity is the content, never the path."""

    path: str = Field(
        default="",
        exclude=True,
        description="the file or folder; a relative path is taken against the current folder, then the data folder",
    )
    fingerprint: Annotated[str, Field(pattern=r"^([0-9a-f]{12,64})?$")] = Field(
        default="", description="first hex digits of the SHA-256 of the content; filled in by klsweep"
    )
    scale: Scale = Field(
        default="auto",
        description="auto: bytes / 255, other numbers untouched; unit: to [0, 1] by the training range, held-out "
        "values clipped; standardize: by training mean and deviation; flat data by dimension, pictures as a whole",
    )
    test: TestShare = Field(
        default=0.2, description="share of all data held out, without a test set of its own"
    )

    @model_validator(mode="after")
    def _identified(self) -> Self:
        if not (self.path or self.fingerprint):
            raise ValueError("path: give the file, for example path: data/faces.npz")
        return self

    @property
    def name(self) -> str:
        """The file's stem in letters, digits, `_` and `-`; the kind where there is no path."""
        return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(self.path).stem).strip("-") or kind_of(type(self))

    def locate(
        self,
        data_dir: Path | None = None,
        *,
        download: bool,  # noqa: ARG002
        progress: Progress | None = None,  # noqa: ARG002
    ) -> tuple[Self, tuple[str, ...]]:
        """The same with an absolute path and the fingerprint of the content."""
        file = find(self.path, data_dir)
        check_fingerprint(file, self.fingerprint)
        return self.model_copy(update={"path": str(file), "fingerprint": fingerprint(file)}), ()

    def facts(self, data_dir: Path | None = None) -> Facts:
        """Found by reading the file, once for as long as it does not change."""
        file = find(self.path, data_dir)
        return _facts(self.model_copy(update={"path": str(file)}), changed(file))[0]

    def pieces(self, data_dir: Path | None = None) -> Pieces:
        """Counted where all are bytes / 255; as they are, from reading the file once more, where they are not."""
        file = find(self.path, data_dir)
        known = _facts(self.model_copy(update={"path": str(file)}), changed(file))[1]
        return pieces_of(self.read(data_dir).train) if known is None else known

    def read(self, data_dir: Path | None = None) -> Data:
        """The file's arrays checked, split and scaled."""
        file = find(self.path, data_dir)
        check_fingerprint(file, self.fingerprint)
        try:
            return self._split(self.unpack(file), file)
        except MemoryError as error:
            raise DataError(
                [Problem(str(file), "does not fit into memory", fix="give fewer data")]
            ) from error

    def _split(self, stored: Stored, file: Path) -> Data:
        _check_lengths(stored, file)
        total = len(stored.pool)
        if not total:
            raise DataError([Problem(str(file), "has no data", "at least one row for each split")])
        testing = held_out(total, self.test) if stored.test is None else len(stored.test)
        pool = total - testing if stored.test is None else total
        cut = self.sizes(pool, testing)
        at = rows(total, cut, seed=self.split_seed, test=None if stored.test is None else testing)
        values = scaled(take(stored.pool, at, test=stored.test), self.scale)
        labels = stored.labels
        named = None if labels is None else named_labels(labels, at, test=stored.test_labels)
        return Data(*values, labels=named)

    @abstractmethod
    def unpack(self, file: Path) -> Stored:
        """What is there, in the shape of data."""


@lru_cache(maxsize=32)
def _facts(part: FilePart, _changed: tuple[int, ...]) -> tuple[Facts, Pieces | None]:
    """Facts of a file as it was at a time, and its training values where they are few enough to be kept."""
    data = part.load()
    train, valid, test = data.splits
    facts = Facts(train.shape[1:], (len(train), len(valid), len(test)), in_unit_interval(data.splits))
    return facts, counted(train)


def _check_lengths(stored: Stored, file: Path) -> None:
    """Data of one shape, and one label for each."""
    problems = []
    if stored.test is not None and stored.test.shape[1:] != stored.pool.shape[1:]:
        found = f"test data of shape {list(stored.test.shape[1:])} in {file}"
        problems.append(
            Problem("dataset.test_key", found, f"{list(stored.pool.shape[1:])}, as the training data")
        )
    pairs = (("labels", stored.labels, stored.pool), ("test_labels", stored.test_labels, stored.test))
    for field, labels, values in pairs:
        if labels is not None and values is not None and labels.shape[:1] != values.shape[:1]:
            found = f"labels of shape {list(labels.shape)} for {len(values)} data in {file}"
            problems.append(Problem(f"dataset.{field}", found, "one label for each datum"))
    if problems:
        raise DataError(problems)
