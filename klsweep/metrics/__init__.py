"""Measures of a trained model on held-out data: parts that a spec lists under `metrics`."""

from typing import Annotated

from klsweep.metrics.disentanglement.dci import Dci
from klsweep.metrics.disentanglement.held_factor import BetaVae, FactorVae
from klsweep.metrics.disentanglement.mig import Mig
from klsweep.metrics.disentanglement.sap import Sap
from klsweep.metrics.evidence import Encoded, Evidence, Generative, Values
from klsweep.metrics.holes import Holes
from klsweep.metrics.information import Information
from klsweep.metrics.iw_bound import IwBound
from klsweep.metrics.metric import MetricPart, settings_of
from klsweep.metrics.perplexity import Perplexity
from klsweep.metrics.pictures import Ssim
from klsweep.metrics.probe import Probe
from klsweep.metrics.reconstruction import Reconstruction
from klsweep.metrics.samples import Samples
from klsweep.metrics.usage import ActiveUnits
from klsweep.part import ByKind

__all__ = ["DEFAULT", "Encoded", "Evidence", "Generative", "Metric", "MetricPart", "Values", "settings_of"]

Metric = Annotated[
    ActiveUnits
    | Information
    | IwBound
    | Reconstruction
    | Perplexity
    | Ssim
    | Samples
    | Holes
    | Probe
    | Mig
    | Dci
    | Sap
    | FactorVae
    | BetaVae,
    ByKind(),
]

DEFAULT: tuple[Metric, ...] = (ActiveUnits(), Information())
"""What is measured where a spec does not say: cheap, and what shows whether the latent space is used."""
