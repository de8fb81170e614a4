"""The results directory: owns every file name in it, writes atomically, imports neither torch nor the spec.

<results>/<sweep>/sweep.yaml             the spec as run, overrides applied
                  jobs/<id>/result.json  job, status, row, error, provenance, checksum; written last
                            curve.csv arrays.npz weights.safetensors
                  report/                made from the rest; safe to delete
                  work/                  plan, logs and checkpoints of what is not finished; safe to delete
"""

from klsweep.store.store import Record, Store, sweeps

__all__ = ["Record", "Store", "sweeps"]
