"""The user's own data from numpy's files: `npz`, an archive of named arrays, and `npy`, one array."""

import zipfile
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from klsweep.data.files import FilePart, Stored
from klsweep.data.scaling import checked
from klsweep.data.stored import opened, pick
from klsweep.errors import DataError, Problem


class Npz(FilePart):
    """Arrays of a .npz archive: [n, d], [n, H, W], [n, H, W, C] or [n, C, H, W]; pictures become [n, C, H, W]."""

    kind: Literal["npz"] = "npz"
    source: ClassVar[str] = "a file of your own, written by numpy.savez"

    key: str | None = Field(
        default=None, description="name of the array; not needed where it is the only one"
    )
    test_key: str | None = Field(default=None, description="name of the test set, where it has its own array")
    labels: str | None = Field(default=None, description="name of the labels [n], not used in training")
    test_labels: str | None = Field(default=None, description="name of the labels of the test set")

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if self.test_key and self.test != type(self).model_fields["test"].default:
            raise ValueError("test_key: the test set has its own array, so test has no effect; leave it out")
        if bool(self.test_labels) != bool(self.labels and self.test_key):
            raise ValueError("test_labels: needed if, and only if, both labels and test_key are given")
        return self

    def unpack(self, file: Path) -> Stored:
        """The arrays by their keys."""
        with opened(file) as content:
            if not isinstance(content, zipfile.ZipFile):
                raise DataError([_other_kind(file, "a single array", "npy")])
            return self._picked(content, file)

    def _picked(self, content: zipfile.ZipFile, file: Path) -> Stored:
        given = {"test_key": self.test_key, "labels": self.labels, "test_labels": self.test_labels}
        more = {
            field: pick(content, key, file=file, field=field) if key else None for field, key in given.items()
        }
        test = more["test_key"]
        return Stored(
            checked(
                pick(content, self.key, file=file, field="key"), where=f"{file}: {self.key or 'its array'}"
            ),
            test=None if test is None else checked(test, where=f"{file}: {self.test_key}"),
            labels=more["labels"],
            test_labels=more["test_labels"],
        )


class Npy(FilePart):
    """The array of a .npy file: [n, d], [n, H, W], [n, H, W, C] or [n, C, H, W]; pictures become [n, C, H, W]."""

    kind: Literal["npy"] = "npy"
    source: ClassVar[str] = "a file of your own, written by numpy.save"

    def unpack(self, file: Path) -> Stored:
        """The array."""
        with opened(file) as content:
            if isinstance(content, zipfile.ZipFile):
                raise DataError([_other_kind(file, "an archive of arrays", "npz")])
            return Stored(checked(content, where=str(file)))


def _other_kind(file: Path, what: str, kind: str) -> Problem:
    return Problem("dataset.kind", f"{file} is {what}", fix=f"write kind: {kind}")
