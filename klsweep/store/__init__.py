"""The results directory: owns every file name in it, writes atomically, imports neither torch nor the spec.

<results>/<sweep>/sweep.yaml             the spec as run, overrides applied
                  jobs/<id>/result.json  job, status, row, error, provenance, checksum; and beside it
                            curve.csv arrays.npz weights.safetensors; the folder appears at once, whole
                            measured.json   metrics that were measured later
                  spectra/<hash>.npz     covariance spectrum of a data set, for the report's closed form
                  report/ export/        made from the rest; safe to delete
                  work/                  plan, logs and checkpoints of what is not finished, and who works on it;
                                         safe to delete while nobody does
"""

from klsweep.store.folder import FleetFolder
from klsweep.store.leases import Member
from klsweep.store.measures import Measure
from klsweep.store.records import Record
from klsweep.store.store import Store, sweeps
from klsweep.store.talk import Talk
from klsweep.store.unmeasured import unmeasured
from klsweep.store.work import Work

__all__ = ["FleetFolder", "Measure", "Member", "Record", "Store", "Talk", "Work", "sweeps", "unmeasured"]
