"""How to weight the KL term of a variational auto-encoder, answered for your model and your data.

import klsweep

ahead = klsweep.forecast("mnist")               # what the spectrum of the data says before any training
summary = klsweep.run("sweeps/mnist.yaml")      # train what is not done
runs = klsweep.load("results/mnist")            # one row per job, a pandas DataFrame
klsweep.measure("results/mnist", ["probe"])     # more of each trained model, from its weights
klsweep.report("results/mnist")                 # the verdict, tables and plots
klsweep.export("results/mnist", "latex")        # tables and curves as other tools take them
klsweep.refine("results/mnist")                 # the spec that would narrow the verdict
klsweep.compare("results/mnist", "schedule=constant", "schedule=linear")    # which differences are real
klsweep.plan("sweeps/mnist.yaml").missing       # what `run` would still train
"""

from typing import TYPE_CHECKING, Any

from klsweep.errors import KlsweepError
from klsweep.version import __version__

if TYPE_CHECKING:
    from klsweep.api import compare, export, forecast, load, measure, plan, refine, report, run

__all__ = [
    "KlsweepError",
    "__version__",
    "compare",
    "export",
    "forecast",
    "load",
    "measure",
    "plan",
    "refine",
    "report",
    "run",
]


def __getattr__(name: str) -> Any:
    """The verbs, loaded when first used: `klsweep --help` needs none of them."""
    if name in __all__:
        from klsweep import api

        return getattr(api, name)
    raise AttributeError(f"module 'klsweep' has no attribute {name!r}")
