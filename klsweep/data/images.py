"""The user's own pictures: `images`, a folder of PNG and JPEG files, brought to one size."""

import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.data.files import FilePart, Stored
from klsweep.data.scaling import checked
from klsweep.data.stored import PICTURES, pictures
from klsweep.errors import DataError, Problem

if TYPE_CHECKING:
    from PIL.Image import Image

Side = Annotated[int, Field(gt=0, le=1024)]

LARGEST_PICTURE = 100_000_000
"""Pixels of a file at most: as many as 300 MB in memory, far below what a hostile file may unpack to."""

MOST_VALUES = 2**30
"""Values of all pictures together at most: 4 GiB as the float32 that training holds."""

DEEP = ("I", "I;16", "I;16B", "F")  # Pillow's modes of more than 8 bits a value


class Images(FilePart):
    """A folder of PNG and JPEG pictures, also in folders inside, in the order of their names: [n, C, H, W]."""

    kind: Literal["images"] = "images"
    source: ClassVar[str] = "a folder of your own, read by Pillow"

    height: Side = Field(description="rows of pixels, to which pictures are brought")
    width: Side | None = Field(default=None, description="columns of pixels; as many as rows without it")
    colour: Literal["grey", "rgb"] = Field(default="rgb", description="one channel (ITU-R 601 luma) or three")
    fit: Literal["crop", "stretch"] = Field(
        default="crop", description="crop: keep the proportions and cut off what is over; stretch: keep all"
    )

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.height if self.width is None else self.width

    def unpack(self, file: Path) -> Stored:
        """Every picture, [n, C, H, W] of bytes."""
        if file.is_file():
            raise DataError(
                [Problem("dataset.path", f"{file} is a file", "a folder of PNG or JPEG pictures")]
            )
        found = pictures(file)
        self._check_amount(found, file)
        problems: list[Problem] = []
        read = []
        for each in found:
            try:
                read.append(self._read(each))
            except DataError as error:
                problems += error.problems
        if problems:
            raise DataError(problems)
        stacked = np.stack(read)
        values = stacked[:, None] if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2)
        return Stored(checked(values, where=str(file)))

    def _check_amount(self, found: list[Path], folder: Path) -> None:
        height, width = self.sides
        values = len(found) * height * width * (3 if self.colour == "rgb" else 1)
        if not found:
            raise DataError(
                [Problem(str(folder), "has no pictures", f"files ending in {', '.join(PICTURES)}")]
            )
        if values > MOST_VALUES:
            what = f"{len(found):,} pictures of {height}x{width} in {self.colour} are {values:,} values"
            raise DataError(
                [
                    Problem(
                        "dataset.height", what, f"at most {MOST_VALUES:,}", "take smaller or fewer pictures"
                    )
                ]
            )

    def _read(self, file: Path) -> NDArray[Any]:
        """One picture, [H, W] or [H, W, 3] of bytes."""
        from PIL import Image, UnidentifiedImageError

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a bomb, whose bound is below, and of damaged EXIF data
                with Image.open(file) as picture:
                    _check_picture(picture, file)
                    return np.asarray(self._fitted(picture), dtype=np.uint8)
        except (
            OSError,
            ValueError,
            SyntaxError,
            MemoryError,
            struct.error,
            UnidentifiedImageError,
            Image.DecompressionBombError,
        ) as error:
            what = f"cannot be read: {' '.join(str(error).split())}"
            raise DataError(
                [Problem(str(file), what, "a PNG or JPEG picture", "mend or remove it")]
            ) from error

    def _fitted(self, picture: "Image") -> "Image":
        """Upright, in the colours and the size asked for; bicubic, over all pixels that fall together."""
        from PIL import Image, ImageOps

        height, width = self.sides
        upright = ImageOps.exif_transpose(picture).convert("L" if self.colour == "grey" else "RGB")
        if upright.size == (width, height):
            return upright
        if self.fit == "stretch":
            return upright.resize((width, height), Image.Resampling.BICUBIC)
        return ImageOps.fit(upright, (width, height), method=Image.Resampling.BICUBIC)


def _check_picture(picture: "Image", file: Path) -> None:
    """Before anything is unpacked."""
    width, height = picture.size
    if width * height > LARGEST_PICTURE:
        what = f"has {width}x{height} pixels"
        raise DataError([Problem(str(file), what, f"at most {LARGEST_PICTURE:,}", "make it smaller")])
    if picture.mode in DEEP:
        what = f"has more than 8 bits a value (mode {picture.mode})"
        raise DataError(
            [Problem(str(file), what, "8 bits", "save it with 8 bits, or as an array of kind npy")]
        )
