"""Squares, ellipses and hearts, drawn here: dSprites without a file."""

from math import prod
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from klsweep.data.dataset import Data, EmbeddedPart, Facts
from klsweep.data.silhouettes import COUNTS, SHAPES, Shape, draw
from klsweep.data.split import Array, Rows
from klsweep.data.sprites import SpritesPart

_, _, SCALES, TURNS, PLACES, _ = COUNTS


class Shapes(SpritesPart, EmbeddedPart):
    """dSprites drawn here: 3 shapes, 6 scales, 40 orientations, 32x32 places, [n, 1, 64, 64] in {0, 1}, with factors.

    Rows, factors and their classes are those of the published archive; where fewer values of a factor are kept,
    they keep their classes.
    """

    kind: Literal["shapes"] = "shapes"
    source: ClassVar[str] = (
        "drawn here in the geometry of dSprites (Matthey et al. 2017, Apache-2.0), fitted to 320 of its frames: all "
        "pixels of its squares and ellipses agree, of 192 hearts' 786,432 all but 16"
    )

    shapes: Annotated[tuple[Shape, ...], Field(strict=False)] = Field(
        default=SHAPES, description="which of square, ellipse and heart"
    )
    scales: Annotated[int, Field(ge=1, le=SCALES)] = Field(
        default=SCALES, description="sizes kept, evenly spread from 0.5 to 1; 1 keeps the middle one"
    )
    orientations: Annotated[int, Field(ge=1, le=TURNS)] = Field(
        default=TURNS,
        description="angles kept, evenly spread over a turn; the 40th is a full turn, so 39 has no picture twice",
    )
    positions: Annotated[int, Field(ge=1, le=PLACES)] = Field(
        default=PLACES, description="places kept in x, and in y, evenly spread; 1 keeps the middle one"
    )
    side: Literal[64, 32] = Field(
        default=64, description="pixels along an edge; 32 samples the same shapes at half the density"
    )

    @field_validator("shapes")
    @classmethod
    def _each_once(cls, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """In the order of their classes, whatever the order in which they were asked for."""
        if not shapes:
            raise ValueError(f"the list is empty; name at least one of {', '.join(SHAPES)}")
        if twice := [shape for shape in SHAPES if shapes.count(shape) > 1]:
            raise ValueError(f"{', '.join(twice)} is given twice; name each shape once")
        return tuple(sorted(shapes, key=SHAPES.index))

    @property
    def name(self) -> str:
        """`shapes`."""
        return self.kind

    def facts(self, data_dir: Path | None = None) -> Facts:  # noqa: ARG002
        """Known from the settings."""
        return Facts((1, self.side, self.side), self.cut(self._total), unit_interval=True)

    def read(self, data_dir: Path | None = None) -> Data:  # noqa: ARG002
        """The pictures of the sample drawn, and no others."""
        return self.sampled(self._total, self._pictures)

    def _pictures(self, at: Rows) -> tuple[Array, NDArray[np.int64]]:
        kept = self._kept
        places = np.unravel_index(at, [len(values) for values in kept])
        classes = np.stack([values[place] for values, place in zip(kept, places, strict=True)], 1)
        return draw(classes, self.side), classes

    @property
    def _total(self) -> int:
        return prod(len(values) for values in self._kept)

    @property
    def _kept(self) -> tuple[NDArray[np.int64], ...]:
        """The classes of each factor, in the order of the factors."""
        place = evenly(self.positions, PLACES)
        shapes = np.array([SHAPES.index(shape) for shape in self.shapes])
        return (
            np.zeros(1, np.int64),
            shapes,
            evenly(self.scales, SCALES),
            around(self.orientations),
            place,
            place,
        )


def evenly(count: int, of: int) -> NDArray[np.int64]:
    """`count` of the classes 0 to `of` - 1, both ends among them; the middle one alone."""
    return np.array([of // 2]) if count == 1 else _rounded(np.linspace(0, of - 1, count))


def around(count: int) -> NDArray[np.int64]:
    """`count` orientations evenly spread over one turn, which the last class closes."""
    return np.arange(TURNS) if count == TURNS else _rounded(np.arange(count) * (TURNS - 1) / count)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.floor(values + 0.5).astype(np.int64)
