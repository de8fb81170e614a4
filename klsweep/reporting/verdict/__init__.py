"""What a sweep says about the weight: answers with intervals, in plain words, and the grid that would narrow them."""

from klsweep.reporting.verdict.refine import REFINED, Refinement, refinement
from klsweep.reporting.verdict.verdict import Verdict, Verdicts
from klsweep.reporting.verdict.verdict import of as verdicts

__all__ = ["REFINED", "Refinement", "Verdict", "Verdicts", "refinement", "verdicts"]
