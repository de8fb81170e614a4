"""MNIST and Fashion-MNIST: 28x28 grey images in the IDX format of their authors."""

import gzip
import math
import zlib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from klsweep.data import download as downloads
from klsweep.data import sources
from klsweep.data.dataset import Data, DataPart, Facts, named_labels
from klsweep.data.digits import Digits
from klsweep.data.gaussian import Gaussian
from klsweep.data.sources import Archive, KnownFile, Progress, Search
from klsweep.data.split import rows, take
from klsweep.data.values import WHITEST, Pieces, byte_pieces
from klsweep.errors import DataError, Loud, Problem
from klsweep.part import ByKind, kind_of

Embedded = Annotated[Digits | Gaussian, ByKind()]
"""The data sets that need no file."""

TRAIN, TEST = 60_000, 10_000
LARGEST_FILE = 16 + TRAIN * 28 * 28
"""Bytes that are unpacked of a file at most: those of the largest, header and images."""
NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


class IdxPart(DataPart):
    """60,000 + 10,000 grey images in four IDX files, [n, 1, 28, 28] in steps of 1/255, with labels 0 to 9."""

    archive: ClassVar[Archive]

    fallback: Embedded | None = Field(
        default=None,
        exclude=True,
        description="used, loudly, if the files cannot be had: digits or gaussian; takes over the options above",
    )

    @model_validator(mode="after")
    def _fallback_fits(self) -> Self:
        try:
            self._heir()
        except ValidationError as error:
            said = "; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())
            raise ValueError(f"fallback cannot take over this data set's options: {said}") from None
        return self

    @property
    def name(self) -> str:
        """The kind."""
        return kind_of(type(self))

    def locate(
        self, data_dir: Path | None = None, *, download: bool, progress: Progress | None = None
    ) -> tuple[Self | Digits | Gaussian, tuple[str, ...]]:
        """The set itself, less its fallback, if the files are here or can be had; or else the fallback."""
        located = self.model_copy(update={"fallback": None})
        search = sources.find(self.archive, data_dir)
        if search.paths:
            return located, ()
        tried: tuple[str, ...] = ("`klsweep run` would first try to download it",)
        if download:
            cache = sources.cache_folder() / self.archive.name
            tried = downloads.fetch(self.archive, cache, progress=progress)
            if not tried:
                return located, (f"{self.name}: downloaded to {cache}",)
        heir = self._heir()
        if heir is None:
            raise DataError([self._missing(search, tried)])
        note = (
            f"{self.name} IS MISSING, {heir.name} IS USED INSTEAD: results are those of {heir.label}; "
            f"looked in {', '.join(search.looked)}; {'; '.join(tried)}"
        )
        return heir, (Loud(note),)

    def facts(self, data_dir: Path | None = None) -> Facts:  # noqa: ARG002
        """Known without reading anything."""
        return Facts((1, 28, 28), self.sizes(TRAIN, TEST), unit_interval=True)

    def read(self, data_dir: Path | None = None) -> Data:
        """Images / 255, split."""
        images, labels, test_images, test_labels = map(read_idx, self._paths(data_dir))
        cut = self.sizes(len(images), len(test_images))
        at = rows(len(images), cut, seed=self.split_seed, test=len(test_images))
        train, valid, test = (_grey(split) for split in take(images, at, test=test_images))
        return Data(train, valid, test, labels=named_labels(labels, at, test=test_labels))

    def pieces(self, data_dir: Path | None = None) -> Pieces:
        """The bytes, counted."""
        images, _, _, test_labels = self._paths(data_dir)
        pool, testing = read_idx(images), len(read_idx(test_labels))
        at = rows(len(pool), self.sizes(len(pool), testing), seed=self.split_seed, test=testing)
        return byte_pieces(pool, at.train)

    def _paths(self, data_dir: Path | None) -> list[Path]:
        """The four files, in the order of the archive."""
        search = sources.find(self.archive, data_dir)
        if search.paths is None:
            raise DataError([self._missing(search, ())])
        return [search.paths[file.name] for file in self.archive.files]

    def _heir(self) -> Digits | Gaussian | None:
        """The fallback with this set's options where it does not give its own."""
        if self.fallback is None:
            return None
        own = {name: getattr(self.fallback, name) for name in self.fallback.model_fields_set}
        shared = {name: getattr(self, name) for name in DataPart.model_fields}
        return type(self.fallback)(**{**shared, **own})

    def _missing(self, search: Search, tried: tuple[str, ...]) -> Problem:
        return Problem(
            "dataset",
            "; ".join([f"{self.name} is not here: looked in {', '.join(search.looked)}", *tried]),
            f"needs {', '.join(file.name for file in self.archive.files)}",
            f"put them into {sources.cache_folder() / self.archive.name} or any folder, given by --data-dir or "
            f"{sources.VARIABLE}, or use an embedded set: dataset: digits, or fallback: digits",
        )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The unsigned bytes of one IDX file, gzipped or not, in their shape (LeCun's page on MNIST)."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError([Problem(str(path), f"cannot be read: {error}", fix="fetch it again")]) from error
    # two zeros, 8 for unsigned bytes, the number of axes
    axes = raw[3] if raw[:3] == b"\0\0\x08" and len(raw) > 4 else 0
    shape = np.frombuffer(raw, ">u4", count=axes, offset=4) if len(raw) >= 4 + 4 * axes else ()
    sizes = [int(size) for size in shape]
    if not axes or len(raw) != 4 + 4 * axes + math.prod(sizes):
        raise DataError([Problem(str(path), "not an IDX file of unsigned bytes", fix="fetch it again")])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(sizes)


def _grey(images: NDArray[Any]) -> NDArray[np.float32]:
    """[n, 28, 28] bytes to [n, 1, 28, 28] in [0, 1]."""
    return np.asarray(np.divide(images[:, None], np.float32(WHITEST), dtype=np.float32))


def _files(*sums: tuple[str, str]) -> tuple[KnownFile, ...]:
    return tuple(KnownFile(name, *pair) for name, pair in zip(NAMES, sums, strict=True))


class Mnist(IdxPart):
    """MNIST handwritten digits: 60,000 to train and validate on, 10,000 to test on, [n, 1, 28, 28] in [0, 1]."""

    kind: Literal["mnist"] = "mnist"
    source: ClassVar[str] = "LeCun, Cortes & Burges 1998, the four original IDX files, CC BY-SA 3.0"
    archive: ClassVar[Archive] = Archive(
        name="mnist",
        folders=("mnist", "MNIST/raw"),  # the second is torchvision's
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        files=_files(
            (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            (
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            (
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            (
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
    )


class FashionMnist(IdxPart):
    """Fashion-MNIST, Zalando's articles: 60,000 to train and validate on, 10,000 to test on, [n, 1, 28, 28]."""

    kind: Literal["fashion_mnist"] = "fashion_mnist"
    source: ClassVar[str] = (
        "Xiao, Rasul & Vollgraf 2017, the four original IDX files, MIT, (c) 2017 Zalando SE"
    )
    archive: ClassVar[Archive] = Archive(
        name="fashion_mnist",
        folders=("fashion_mnist", "FashionMNIST/raw"),  # the second is torchvision's
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        files=_files(
            (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            (
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            (
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            (
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
    )
