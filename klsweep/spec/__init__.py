"""From a spec in YAML to the jobs of a sweep, every mistake told at once with its place. Never loads torch."""

from klsweep.data import Progress
from klsweep.spec.job import FAMILIES, Job, Train
from klsweep.spec.schema import schema
from klsweep.spec.sweep import Sweep, read, read_text

__all__ = ["FAMILIES", "Job", "Progress", "Sweep", "Train", "read", "read_text", "schema"]
