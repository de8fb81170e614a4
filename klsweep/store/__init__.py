"""The results directory: owns every file name in it, writes atomically, imports neither torch nor the spec.

<results>/<sweep>/sweep.yaml             the spec as run, overrides applied
                  jobs/<id>/result.json  job, status, row, error, provenance, checksum; written last
                            curve.csv arrays.npz weights.safetensors
                  report/                made from the rest; safe to delete
                  work/                  plan, logs and checkpoints of what is not finished; safe to delete
"""

from klsweep.store.folder import FleetFolder
from klsweep.store.records import Record
from klsweep.store.store import Store, sweeps

__all__ = ["FleetFolder", "Record", "Store", "sweeps"]
