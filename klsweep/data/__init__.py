"""Data sets: parts that say where their data are and load them, split and binarised, as numpy arrays."""

from typing import Annotated

from klsweep.data.arrays import Npy, Npz
from klsweep.data.dataset import Data, Facts
from klsweep.data.digits import Digits
from klsweep.data.dsprites import Dsprites
from klsweep.data.gaussian import Gaussian
from klsweep.data.grammar import Grammar
from klsweep.data.idx import Embedded, FashionMnist, Mnist
from klsweep.data.images import Images
from klsweep.data.shapes import Shapes
from klsweep.data.sources import Progress
from klsweep.data.tables import Csv
from klsweep.data.text import Ptb, Text
from klsweep.data.values import Values, pieces_of
from klsweep.part import ByKind

__all__ = [
    "Csv",
    "Data",
    "Dataset",
    "Digits",
    "Dsprites",
    "Embedded",
    "Facts",
    "FashionMnist",
    "Gaussian",
    "Grammar",
    "Images",
    "Mnist",
    "Npy",
    "Npz",
    "Progress",
    "Ptb",
    "Shapes",
    "Text",
    "Values",
    "pieces_of",
]

Dataset = Annotated[
    Digits
    | Mnist
    | FashionMnist
    | Npz
    | Npy
    | Csv
    | Images
    | Gaussian
    | Shapes
    | Dsprites
    | Grammar
    | Text
    | Ptb,
    ByKind(),
]
