"""Models as settings: what a spec may ask for, and `build`, which makes the network."""

from typing import Annotated

from klsweep.part import ByKind
from klsweep.vae.models.custom import Custom
from klsweep.vae.models.dense import Conv, Linear, Mlp
from klsweep.vae.models.sentences import Gru, Lstm, Unigram
from klsweep.vae.models.shapes import Activation, Shape, Values

__all__ = [
    "Activation",
    "Conv",
    "Custom",
    "Gru",
    "Linear",
    "Lstm",
    "Mlp",
    "Model",
    "Shape",
    "Unigram",
    "Values",
]

Model = Annotated[Linear | Mlp | Conv | Lstm | Gru | Unigram | Custom, ByKind()]
