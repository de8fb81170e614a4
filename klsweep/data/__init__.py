"""Data sets: parts that say where their data are and load them, split and binarised, as numpy arrays."""

from typing import Annotated

from klsweep.data.arrays import Npy, Npz
from klsweep.data.dataset import Data, Facts
from klsweep.data.digits import Digits
from klsweep.data.gaussian import Gaussian
from klsweep.data.idx import Embedded, FashionMnist, Mnist
from klsweep.data.images import Images
from klsweep.data.sources import Progress
from klsweep.data.tables import Csv
from klsweep.part import ByKind

__all__ = [
    "Csv",
    "Data",
    "Dataset",
    "Digits",
    "Embedded",
    "Facts",
    "FashionMnist",
    "Gaussian",
    "Images",
    "Mnist",
    "Npy",
    "Npz",
    "Progress",
]

Dataset = Annotated[Digits | Mnist | FashionMnist | Npz | Npy | Csv | Images | Gaussian, ByKind()]
