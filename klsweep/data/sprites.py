"""What the pictures of dSprites have in common, drawn here or read from the archive: known factors, a few of many."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.data.dataset import Data, DataPart, TestShare
from klsweep.data.silhouettes import FACTORS
from klsweep.data.split import Array, Rows, Sizes, Splits, held_out, rows
from klsweep.data.values import COINS, Pieces

Pictures = Callable[[Rows], tuple[Array, NDArray[np.int64]]]
"""From rows to images [n, 1, side, side] in {0, 1} and classes [n, factor]."""


class SpritesPart(DataPart):
    """Pictures of known factors, of which a uniform sample is used."""

    size: Annotated[int, Field(gt=1)] = Field(
        default=20_000,
        description="pictures in all three splits together, drawn without repetition; all, if there are fewer; "
        "20,000 of 64x64 take 328 MB of memory, the whole 737,280 take 12 GB",
    )
    test: TestShare = Field(default=0.2, description="share of `size` held out for testing")

    def pieces(self, data_dir: Path | None = None) -> Pieces:  # noqa: ARG002
        """Zeros and ones; in which shares is not looked up."""
        return COINS

    def cut(self, total: int) -> Sizes:
        """(train, valid, test) of the pictures used, of a total; `DataError` where one is empty."""
        used = min(self.size, total)
        testing = held_out(used, self.test)
        return self.sizes(used - testing, testing)

    def sampled(self, total: int, pictures: Pictures) -> Data:
        """A uniform sample of `total` rows, split; only its own pictures are made."""
        cut = self.cut(total)
        images, classes = pictures(np.concatenate(rows(total, cut, seed=self.split_seed)))
        ends = np.cumsum(cut)[:-1]
        train, valid, test = np.split(images, ends)
        factors = Splits(*np.split(classes, ends))._asdict()
        return Data(train, valid, test, factors=factors, factor_names=FACTORS)
