"""Training a fleet: jobs that share every tensor shape, stacked on a leading member axis and trained as one."""

from klsweep.train.loop import Setting, train
from klsweep.train.measuring import measure, measured
from klsweep.train.trained import TrainedModel

__all__ = ["Setting", "TrainedModel", "measure", "measured", "train"]
