"""Objectives, the family: what is minimised, one class each, in files by what they do to the weight."""

from typing import Annotated

from klsweep.part import ByKind
from klsweep.vae.objectives.controlled import Balanced, Geco, TargetRate
from klsweep.vae.objectives.objective import Memory, Seen, Terms
from klsweep.vae.objectives.regularised import BetaTc, Dip, InfoMmd
from klsweep.vae.objectives.weighted import Capacity, Elbo, FreeBits

__all__ = [
    "Balanced",
    "BetaTc",
    "Capacity",
    "Dip",
    "Elbo",
    "FreeBits",
    "Geco",
    "InfoMmd",
    "Memory",
    "Objective",
    "Seen",
    "TargetRate",
    "Terms",
]

Objective = Annotated[
    Elbo | FreeBits | Capacity | TargetRate | Geco | Balanced | BetaTc | InfoMmd | Dip, ByKind()
]
