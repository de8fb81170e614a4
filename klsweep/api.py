"""The verbs of the command line for notebooks: plan, run, load, report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from klsweep import spec as specs
from klsweep.running.events import Listener
from klsweep.store import sweeps

if TYPE_CHECKING:
    import pandas as pd

    from klsweep.reporting import Report
    from klsweep.running.plan import Plan
    from klsweep.running.runner import Options, Summary

Pathlike = str | Path


def plan(
    spec: Pathlike,
    overrides: Sequence[str] = (),
    *,
    results: Pathlike = "results",
    data_dir: Pathlike | None = None,
    device: str = "auto",
) -> "Plan":
    """What `run` would do: jobs, fleets, what is done already, an estimate. Trains and downloads nothing.

    `overrides` are `key=value` arguments as on the command line. Raises `KlsweepError` with every mistake of the
    spec, each with its place.
    """
    from klsweep.running.devices import choose_devices
    from klsweep.running.plan import plan as plan_sweep

    sweep = specs.read(Path(spec), overrides, data_dir=_path(data_dir))
    return plan_sweep(sweep, Path(results), device=choose_devices(device)[0])


def run(
    spec: Pathlike,
    overrides: Sequence[str] = (),
    *,
    options: "Options | None" = None,
    listen: Listener = lambda _event: None,
    progress: specs.Progress | None = None,
) -> "Summary":
    """Train what is not done, and return how it ended; `listen` hears of every epoch and result.

    Raises `KlsweepError` before any training; a job that fails is counted in the summary and raises nothing.
    """
    from klsweep.running.runner import Options
    from klsweep.running.runner import run as run_sweep

    options = options or Options()
    sweep = specs.read(Path(spec), overrides, data_dir=options.data_dir, download=True, progress=progress)
    return run_sweep(sweep, options, listen)


def load(path: Pathlike) -> "pd.DataFrame":
    """The finished jobs of a results directory, or of one sweep in it, as one table with the columns of runs.csv.

    With several sweeps, a column `sweep` comes first. Raises `StoreError` where there is no sweep.
    """
    import pandas as pd

    from klsweep.reporting import runs

    found = sweeps(Path(path))
    if len(found) == 1:
        return runs(found[0])
    tables = {store.name: runs(store) for store in found}
    return pd.concat(tables, names=["sweep"]).reset_index(level="sweep").reset_index(drop=True)


def report(path: Pathlike, *, out: Pathlike | None = None) -> "tuple[Report, ...]":
    """Write tables and plots for every sweep at `path`, and return what was written."""
    from klsweep.reporting import build

    return tuple(build(store, out=_path(out)) for store in sweeps(Path(path)))


def _path(path: Pathlike | None) -> Path | None:
    return None if path is None else Path(path)
