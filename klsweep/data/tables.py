"""The user's own data from a text file of numbers: `csv`, one datum a line."""

import gzip
import io
import math
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.data.files import FilePart, Stored
from klsweep.data.scaling import checked
from klsweep.data.stored import one_file
from klsweep.errors import DataError, Problem

if TYPE_CHECKING:
    import pandas as pd

FEW = 6  # columns named in a sentence

LARGEST_TEXT = 2**32
"""Bytes of text at most, unpacked: 4 GiB, where a hostile file of 4 MB could unpack to."""

UNREADABLE = (OSError, EOFError, ValueError, MemoryError, OverflowError, Warning, zlib.error)
"""What pandas and gzip raise; pandas' own errors are ValueErrors, its word on too many fields a Warning."""

Axes = Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(strict=False, min_length=1, max_length=3)]


class Csv(FilePart):
    """A table of numbers in text, one datum a line: [n, d], or pictures where `shape` says how a line is laid out."""

    kind: Literal["csv"] = "csv"
    source: ClassVar[str] = "a file of your own, read by pandas; also packed, as .csv.gz"

    header: bool = Field(default=True, description="the first line names the columns")
    labels: str | None = Field(
        default=None,
        description="column of labels, not used in training: its name, or without a header its number from 0",
    )
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = Field(
        default=",", description="between columns"
    )
    shape: Axes | None = Field(
        default=None, description="of one datum, for example [28, 28]; a flat row without it"
    )

    def unpack(self, file: Path) -> Stored:
        """All columns but the labels, as numbers."""
        table = self._table(one_file(file))
        labels = None if self.labels is None else _column(table, self.labels, file)
        values = table if self.labels is None else table.drop(columns=self.labels)
        _check_numeric(values, file, header=self.header)
        array = values.to_numpy()
        if self.shape is not None:
            array = _laid_out(array, self.shape, file)
        return Stored(checked(array, where=str(file)), labels=labels)

    def _table(self, file: Path) -> "pd.DataFrame":
        """The file as pandas reads it, all column names as text."""
        import pandas as pd

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # it drops fields that are too many
                with _text(file) as lines:
                    table = pd.read_csv(
                        lines,
                        sep=self.delimiter,
                        header=0 if self.header else None,
                        index_col=False,  # a surplus field must not turn the first column into an index
                        low_memory=False,
                        skip_blank_lines=False,  # a line's number is that of the file
                    )
        except UNREADABLE as error:
            text = " ".join(str(error).split())
            raise DataError(
                [Problem(str(file), f"cannot be read: {text}", "lines of numbers, all of one length")]
            ) from error
        table.columns = pd.Index([str(name) for name in table.columns])
        if self.header and len(table.columns) and all(map(_is_number, table.columns)):
            raise DataError(
                [
                    Problem(
                        "dataset.header",
                        f"the first line of {file} has numbers only",
                        "names of columns",
                        "write header: false",
                    )
                ]
            )
        return table


class _Bounded(io.RawIOBase):
    """A file that ends in an error, and not in full memory, where it is longer than `LARGEST_TEXT`."""

    def __init__(self, inner: IO[bytes]) -> None:
        self.inner, self.left = inner, LARGEST_TEXT

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self.inner.read(len(buffer))
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(f"more than {LARGEST_TEXT:,} bytes of text")
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def _text(file: Path) -> Iterator[IO[bytes]]:
    """The text of a file, unpacked as far as it is read."""
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as inner:
        yield io.BufferedReader(_Bounded(inner))  # type: ignore[arg-type]


def _column(table: "pd.DataFrame", label: str, file: Path) -> NDArray[Any]:
    if label not in table.columns:
        raise DataError(
            [
                Problem(
                    "dataset.labels",
                    f"no column {label!r} in {file}",
                    f"one of {_named(list(table.columns))}",
                )
            ]
        )
    return np.asarray(table[label].tolist())


def _check_numeric(values: "pd.DataFrame", file: Path, *, header: bool) -> None:
    """Rows, and numbers in every column, none missing."""
    import pandas as pd

    if not len(values):
        found = "has a header and no line below it" if header else "has no lines"
        raise DataError([Problem(str(file), found, "a line of numbers for each datum")])
    text = [name for name in values.columns if values[name].dtype.kind not in "uif"]
    if text:
        column = values[text[0]].astype(object)
        isnt = column.notna() & pd.to_numeric(column.astype(str), errors="coerce").isna()
        row = int(np.argmax(isnt.to_numpy()))
        first = f"{column.iloc[row]!r} in line {row + 1 + header}"
        fix = "leave them out of the file, or write labels: NAME for one that holds labels"
        if not header and all(not _is_number(str(each)) for each in values.iloc[0]):
            fix = "write header: true, for the first line has no number"
        raise DataError(
            [
                Problem(
                    str(file),
                    f"has columns that are not numbers: {_named(text)}, the first with {first}",
                    "numbers",
                    fix,
                )
            ]
        )
    absent = values.isna().to_numpy()
    if absent.any():
        line, place = (int(each) for each in np.argwhere(absent)[0])
        where = f"line {line + 1 + header}, column {values.columns[place]}"
        raise DataError(
            [
                Problem(
                    str(file),
                    f"has {int(absent.sum())} values missing or NaN, the first in {where}",
                    "a number in every field",
                    "drop or fill them before saving the file",
                )
            ]
        )


def _laid_out(values: NDArray[Any], shape: tuple[int, ...], file: Path) -> NDArray[Any]:
    if math.prod(shape) != values.shape[1]:
        what = f"{list(shape)} has {math.prod(shape)} values and a line of {file} {values.shape[1]}"
        raise DataError(
            [Problem("dataset.shape", what, fix="correct the shape, or name the column of labels")]
        )
    return values.reshape(len(values), *shape)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _named(names: list[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return f"{', '.join(names[:FEW])}{more}"
