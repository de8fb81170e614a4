"""How to weight the KL term of a variational auto-encoder, answered for your model and your data.

import klsweep

summary = klsweep.run("sweeps/mnist.yaml")      # train what is not done
runs = klsweep.load("results/mnist")            # one row per job, a pandas DataFrame
klsweep.report("results/mnist")                 # tables and plots
klsweep.plan("sweeps/mnist.yaml").missing       # what `run` would still train
"""

from typing import TYPE_CHECKING, Any

from klsweep.version import __version__

if TYPE_CHECKING:
    from klsweep.api import load, plan, report, run

__all__ = ["__version__", "load", "plan", "report", "run"]


def __getattr__(name: str) -> Any:
    """The verbs, loaded when first used: `klsweep --help` needs none of them."""
    if name in __all__:
        from klsweep import api

        return getattr(api, name)
    raise AttributeError(f"module 'klsweep' has no attribute {name!r}")
