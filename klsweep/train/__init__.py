"""Training a fleet: jobs that share every tensor shape, stacked on a leading member axis and trained as one."""

from klsweep.train.loop import Setting, train

__all__ = ["Setting", "train"]
