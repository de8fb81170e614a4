"""The weight calculator: what the KL weight of one script is in another, and in klsweep. Loads no torch.

    equivalents(Question(input=(1, 64, 64), latent=10, weight=4.0, from_="pythae"))

Everything goes through two numbers of a script's loss `a * recon + w * c * KL`, per datum: against a squared
error the optimum depends on theta = w c / (2a) alone, against a -log p in full on beta = w c / a.
"""

from klsweep.vae.conventions.convention import Convention
from klsweep.vae.conventions.equivalents import Equivalents, InCode, RawWeight, Reading, equivalents
from klsweep.vae.conventions.forms import Form, Hidden, OverBatch, Sizes, Term
from klsweep.vae.conventions.published import CONVENTIONS
from klsweep.vae.conventions.question import Question

__all__ = [
    "CONVENTIONS",
    "Convention",
    "Equivalents",
    "Form",
    "Hidden",
    "InCode",
    "OverBatch",
    "Question",
    "RawWeight",
    "Reading",
    "Sizes",
    "Term",
    "equivalents",
]
