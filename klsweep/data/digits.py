"""The handwritten digits that come with scikit-learn: small, and there without any download."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.data.dataset import Data, EmbeddedPart, Facts, TestShare, named_labels
from klsweep.data.split import held_out, rows, take

TOTAL = 1797  # data in scikit-learn's copy, the test part of the UCI set
FILE = "digits.csv.gz"
GREYEST = 16  # each value counts the dark ones among 4x4 pixels


class Digits(EmbeddedPart):
    """1,797 handwritten digits, [n, 1, 8, 8] in [0, 1] in steps of 1/16, with labels 0 to 9."""

    kind: Literal["digits"] = "digits"
    source: ClassVar[str] = (
        "scikit-learn's load_digits: Alpaydin & Kaynak 1998, UCI Optical Recognition of Handwritten Digits, "
        "CC BY 4.0"
    )

    test: TestShare = Field(default=0.2, description="share of all data held out for testing")

    @property
    def name(self) -> str:
        """`digits`."""
        return self.kind

    def facts(self, data_dir: Path | None = None) -> Facts:  # noqa: ARG002
        """Known without reading anything."""
        testing = held_out(TOTAL, self.test)
        return Facts((1, 8, 8), self.sizes(TOTAL - testing, testing), unit_interval=True)

    def read(self, data_dir: Path | None = None) -> Data:  # noqa: ARG002
        """Images / 16, split."""
        images, labels = _table()
        at = rows(TOTAL, self.facts().sizes, seed=self.split_seed)
        grey = (images / GREYEST).astype(np.float32).reshape(-1, 1, 8, 8)
        return Data(*take(grey, at), labels=named_labels(labels, at))


@cache
def _table() -> tuple[NDArray[Any], NDArray[Any]]:
    """Images [n, 64] and labels [n] of scikit-learn's copy, from its file where that lies where it always has.

    `load_digits` reads the same file, but importing it takes a second, which plans and short trainings would pay each.
    """
    found = find_spec("sklearn")
    file = Path(found.origin if found and found.origin else "").parent / "datasets" / "data" / FILE
    if not file.is_file():
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        return images, labels
    table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    return table[:, :-1], table[:, -1]
