"""Objectives, the family: what is minimised, one class each, in files by what they do to the weight."""

from typing import Annotated

from klsweep.part import ByKind, members
from klsweep.vae.objectives.controlled import Balanced, Geco, TargetRate
from klsweep.vae.objectives.objective import Memory, ObjectivePart, Seen, Terms
from klsweep.vae.objectives.regularised import BetaTc, Dip, InfoMmd
from klsweep.vae.objectives.weighted import Capacity, Elbo, FreeBits

__all__ = [
    "WEIGHTS_BUT_BETA",
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

WEIGHTS_BUT_BETA = {
    kind: part.weight_means
    for kind, part in members(Objective).items()
    if issubclass(part, ObjectivePart) and not part.weighs_rate
}
"""By kind, what the weight is of objectives whose weight is not the beta of the rate."""
