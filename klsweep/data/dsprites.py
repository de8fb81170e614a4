"""dSprites as its authors published it, from the archive, which is read without unpacking it whole."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep import numpy_files
from klsweep.data.dataset import Data, Facts
from klsweep.data.silhouettes import FACTORS
from klsweep.data.sources import Progress
from klsweep.data.split import Array, Rows
from klsweep.data.sprites import SpritesPart
from klsweep.data.stored import check_fingerprint, find, fingerprint, one_file
from klsweep.errors import DataError, Problem
from klsweep.numpy_files import UNREADABLE

IMAGES, CLASSES = "imgs", "latents_classes"
CHUNK_BYTES = 1 << 22  # unpacked at once
LARGEST_CLASSES = 1 << 30  # bytes; published are 35 MB


class Dsprites(SpritesPart):
    """dSprites as published: 737,280 binary pictures of 3 shapes, [n, 1, 64, 64] in {0, 1}, with their factors.

    The archive is 26 MB, its pictures 3 GB; they are unpacked 4 MB at a time, and those of the sample are kept.
    Its `metadata` are Python objects, which could run code, and are never read.
    """

    kind: Literal["dsprites"] = "dsprites"
    source: ClassVar[str] = (
        "Matthey, Higgins, Hassabis & Lerchner 2017, the archive of their repository dsprites-dataset, Apache-2.0"
    )

    path: str = Field(
        default="dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
        exclude=True,
        description="the archive; a relative path is taken against the current folder, then the data folder",
    )
    fingerprint: Annotated[str, Field(pattern=r"^([0-9a-f]{12,64})?$")] = Field(
        default="", description="first hex digits of the SHA-256 of the content; filled in by klsweep"
    )

    @property
    def name(self) -> str:
        """`dsprites`."""
        return self.kind

    def locate(
        self,
        data_dir: Path | None = None,
        *,
        download: bool,  # noqa: ARG002
        progress: Progress | None = None,  # noqa: ARG002
    ) -> tuple[Self, tuple[str, ...]]:
        """The same with an absolute path and the fingerprint of the content."""
        file = self._file(data_dir)
        return self.model_copy(update={"path": str(file), "fingerprint": fingerprint(file)}), ()

    def facts(self, data_dir: Path | None = None) -> Facts:
        """Found in the header of the pictures."""
        total, *sides = picture_shape(self._file(data_dir))
        return Facts((1, *sides), self.cut(total), unit_interval=True)

    def read(self, data_dir: Path | None = None) -> Data:
        """The pictures of the sample."""
        file = self._file(data_dir)
        return self.sampled(picture_shape(file)[0], partial(pictures, file))

    def _file(self, data_dir: Path | None) -> Path:
        try:
            file = one_file(find(self.path, data_dir))
        except DataError as error:
            fix = "put the archive of the repository dsprites-dataset there, or write dataset: shapes, which draws it"
            raise DataError(replace(problem, fix=fix) for problem in error.problems) from None
        check_fingerprint(file, self.fingerprint)
        return file


def picture_shape(file: Path) -> tuple[int, int, int]:
    """(n, H, W) of an archive's pictures, without unpacking them."""
    with _opened(file) as archive:
        return _shape(numpy_files.member_header(archive, IMAGES), file)


def pictures(file: Path, at: Rows) -> tuple[Array, NDArray[np.int64]]:
    """The pictures [n, 1, H, W] in {0, 1} and classes [n, factor] of the rows `at`, in their order."""
    with _opened(file) as archive:
        classes = numpy_files.member(archive, CLASSES, most=LARGEST_CLASSES)
        packed = archive.getinfo(f"{IMAGES}.npy")
        with archive.open(packed) as member:
            shape = _shape(numpy_files.header(member, packed.file_size), file)
            images = _picked(member, shape, at)
    if classes.shape != (shape[0], len(FACTORS)) or classes.dtype.kind not in "iu":
        what = f"{CLASSES} are {classes.dtype} of shape {list(classes.shape)}"
        raise DataError([_other(file, what, f"whole numbers, one row of {len(FACTORS)} for each picture")])
    if images.max(initial=0) > 1:
        raise DataError([_other(file, f"{IMAGES} go up to {images.max()}", "0 and 1")])
    return images[:, None].astype(np.float32), classes[at].astype(np.int64)


def _picked(member: IO[bytes], shape: tuple[int, int, int], at: Rows) -> NDArray[np.uint8]:
    """Rows of the pictures that follow in a stream, as far as they are needed."""
    total, height, width = shape
    step = max(1, CHUNK_BYTES // (height * width))
    order = np.argsort(at)
    ordered = at[order]
    picked = np.empty((len(at), height, width), np.uint8)
    for low in range(0, int(ordered[-1]) + 1, step):
        count = min(step, total - low)
        raw = member.read(count * height * width)
        block = np.frombuffer(raw, np.uint8).reshape(count, height, width)
        first, last = np.searchsorted(ordered, (low, low + count))
        picked[order[first:last]] = block[ordered[first:last] - low]
    return picked


def _shape(header: numpy_files.Header, file: Path) -> tuple[int, int, int]:
    """(n, H, W) of the pictures."""
    shape = header.shape
    if len(shape) != 3 or 0 in shape or header.fortran or header.dtype != np.uint8:
        what = f"{IMAGES} are {header.dtype} of shape {list(shape)}"
        raise DataError([_other(file, what, "bytes of shape [n, H, W], in C order")])
    return shape


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; its errors, and those of reading from it, become `DataError`."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except KeyError as error:  # there is no such member
        raise DataError([_other(file, str(error.args[0]), f"{IMAGES} and {CLASSES}")]) from error
    except UNREADABLE as error:
        raise DataError([_other(file, f"cannot be read: {error}", "a whole archive")]) from error


def _other(file: Path, what: str, allowed: str) -> Problem:
    return Problem(str(file), what, allowed, "fetch dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz again")
