"""The verbs of the command line for notebooks: forecast, plan, run, measure, load, report, export and the rest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from klsweep import spec as specs
from klsweep.errors import KlsweepError
from klsweep.running.events import Listener
from klsweep.store import Store, sweeps

if TYPE_CHECKING:
    import pandas as pd

    from klsweep.reporting import Report
    from klsweep.reporting.compare import Comparison
    from klsweep.reporting.exports import Export
    from klsweep.reporting.verdict import Refinement
    from klsweep.running.measuring import Measured
    from klsweep.running.plan import Plan
    from klsweep.running.runner import Summary
    from klsweep.theory.forecast import Forecast

Pathlike = str | Path


@dataclass(frozen=True)
class Refined:
    """A spec that was written to narrow a verdict, and what it adds."""

    path: Path
    sweep: Path
    added: "Refinement"


def forecast(
    spec: Pathlike,
    overrides: Sequence[str] = (),
    *,
    data_dir: Pathlike | None = None,
    progress: specs.Progress | None = None,
) -> "Forecast":
    """What theory says of a spec, or of a data set by its kind as `mnist`, before any training.

    Fetches the data as `run` does. Raises `KlsweepError` with every mistake of the spec.
    """
    from klsweep.theory.forecast import forecast as foresee
    from klsweep.theory.standard import standard

    path, folder = Path(spec), _path(data_dir)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        sweep = specs.read(path, overrides, data_dir=folder, download=True, progress=progress)
    else:
        text, name = standard(str(spec)), str(spec)
        sweep = specs.read_text(text, overrides, name=name, data_dir=folder, download=True, progress=progress)
    return foresee(sweep, folder)


def plan(
    spec: Pathlike,
    overrides: Sequence[str] = (),
    *,
    results: Pathlike = "results",
    data_dir: Pathlike | None = None,
    device: str = "auto",
    shard: str | None = None,
) -> "Plan":
    """What `run` would do: jobs, fleets, what is done already, an estimate. Trains and downloads nothing.

    `overrides` are `key=value` arguments and `shard` is `0/3`, as on the command line. Raises `KlsweepError` with
    every mistake of the spec, each with its place.
    """
    from klsweep.running.devices import choose_devices
    from klsweep.running.fleets import Shard
    from klsweep.running.plan import plan as plan_sweep

    share = Shard.read(shard) if shard else None
    sweep = specs.read(Path(spec), overrides, data_dir=_path(data_dir))
    store, on = Store(Path(results) / sweep.name), choose_devices(device)[0]
    return plan_sweep(sweep, store, device=on, shard=share, joined=store.work.is_held())


def run(
    spec: Pathlike,
    overrides: Sequence[str] = (),
    *,
    results: Pathlike = "results",
    data_dir: Pathlike | None = None,
    device: str = "auto",
    workers: int | None = None,
    backend: str = "local",
    address: str | None = None,
    retry_failed: bool = False,
    limit: int | None = None,
    shard: str | None = None,
    listen: Listener = lambda _event: None,
    progress: specs.Progress | None = None,
) -> "Summary":
    """Train what is not done, and return how it ended; `listen` hears of every epoch and result.

    The keywords are the options of `klsweep run`, which has their meanings. Raises `KlsweepError` before any training;
    a job that fails is counted in the summary and raises nothing.
    """
    from klsweep.running import backends
    from klsweep.running.fleets import Shard
    from klsweep.running.runner import Options
    from klsweep.running.runner import run as run_sweep

    options = Options(
        results=Path(results),
        data_dir=_path(data_dir),
        device=device,
        workers=workers,
        backend=backends.name(backend),
        address=address,
        retry_failed=retry_failed,
        limit=limit,
        shard=Shard.read(shard) if shard else None,
    )
    sweep = specs.read(Path(spec), overrides, data_dir=options.data_dir, download=True, progress=progress)
    return run_sweep(sweep, options, listen)


def measure(
    path: Pathlike,
    metrics: Sequence[str],
    *,
    data_dir: Pathlike | None = None,
    device: str = "auto",
    listen: Callable[[int, int], None] = lambda _done, _all: None,
) -> "tuple[Measured, ...]":
    """Measure more of every finished job at `path`, from its weights: `runs.csv` gets the columns, nothing is trained.

    `metrics` are as in a spec: `probe`, or `{kind: iw_bound, samples: 5000}`. `listen` hears (jobs done, jobs in all)
    of a sweep. Raises `KlsweepError` before anything is measured.
    """
    from klsweep.running.devices import choose_devices
    from klsweep.running.measuring import measure_sweep

    asked = f"metrics=[{', '.join(metrics)}]"
    found = [
        (store, specs.read(store.spec, [asked], data_dir=_path(data_dir))) for store in sweeps(Path(path))
    ]
    chosen = choose_devices(device)[0]
    return tuple(
        measure_sweep(store, sweep, data_dir=_path(data_dir), device=chosen, listen=listen)
        for store, sweep in found
    )


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


def report(
    path: Pathlike, *, out: Pathlike | None = None, goals: Sequence[str] = (), style: str = "screen"
) -> "tuple[Report, ...]":
    """Write verdict, tables, plots and a page for every sweep at `path`, and return what was written.

    `goals` such as `active_units>=8` are answered in the verdict; plots of the `style` `paper` are a column wide.
    """
    from klsweep.reporting import build

    return tuple(build(store, out=_path(out), goals=goals, style=style) for store in sweeps(Path(path)))


def export(
    path: Pathlike,
    to: str,
    *,
    out: Pathlike | None = None,
    what: Sequence[str] = (),
    listen: Callable[[int, int], None] = lambda _done, _all: None,
) -> "tuple[Export, ...]":
    """Write every sweep at `path` as `csv`, `markdown`, `latex`, `parquet`, `tensorboard`, `mlflow` or `wandb`.

    To `<sweep>/export`, or below `out`; `what` chooses among `runs`, `summary` and `curves`. Exporting again replaces
    what was exported. Nothing is sent anywhere. Raises `KlsweepError` where the extra that `to` needs is missing.
    """
    from klsweep.reporting.exports import export as export_sweep

    return tuple(
        export_sweep(store, to, out=_path(out), what=what, listen=listen) for store in sweeps(Path(path))
    )


def refine(
    path: Pathlike,
    *,
    out: Pathlike | None = None,
    goals: Sequence[str] = (),
    around: Sequence[str] = ("best",),
    points: int | None = None,
    seeds: int | None = None,
) -> "Refined":
    """Write the spec that would narrow the verdict of the sweep at `path`: its own, with more weights and seeds.

    It goes to `refined.yaml` in the sweep, or to `out`, and has the sweep's name, so that running it keeps what is
    done. `around` names answers (`best`, `knee`, `collapse`) whose cells of the grid get `points` new weights each,
    and so do the cells of `goals`; `seeds` is how many there are to be. Raises `KlsweepError` where nothing would be
    new, or where the weight is not an axis of its own.
    """
    from klsweep.reporting import runs
    from klsweep.reporting.compare import one_sweep
    from klsweep.reporting.verdict import REFINED, refinement, verdicts
    from klsweep.spec import expand, source
    from klsweep.spec.extended import extended

    for option, count in (("--points", points), ("--seeds", seeds)):
        if count is not None and count > expand.MOST:
            raise KlsweepError(f"{option} {count}: too many: allowed: at most {expand.MOST:,}")
    store = one_sweep(path)
    target = store.path / REFINED if out is None else Path(out)
    if target.is_dir():
        raise KlsweepError(f"--out {target}: is a folder: needs a file: give {target / REFINED}")
    found = verdicts(store, runs(store), goals)
    wanted = refinement(found, around=around, points=points, seeds=seeds)
    if wanted.is_empty:
        raise KlsweepError(
            f"{store.path}: nothing to refine: no interval asked about covers a cell: {wanted.how}"
        )
    text = extended(source.text(store.spec), wanted.axes, name=str(store.spec))
    _write(target, f"# {wanted.said}; the rest as in sweep.yaml\n{text}".encode())
    return Refined(target, store.path, wanted)


def compare(first: Pathlike, *others: str, metrics: Sequence[str] = ()) -> "Comparison":
    """Two sweeps, or two settings of one, seed by seed: the differences, their intervals, and which are real.

    `compare("results/a", "results/b")`, or `compare("results/a", "schedule=constant", "schedule=linear")`.
    """
    from klsweep.reporting.compare import compare_paths

    return compare_paths(str(first), others, metrics)


def _write(target: Path, content: bytes) -> None:
    """A file that is whole or absent; `KlsweepError` that names --out where it cannot be written."""
    from klsweep.store import atomic

    try:
        atomic.write(target, content)
    except OSError as error:
        raise KlsweepError(
            f"{target}: cannot be written ({error.strerror or error}): needs a file in a folder that you may write to: "
            "choose one with --out FILE"
        ) from None


def _path(path: Pathlike | None) -> Path | None:
    return None if path is None else Path(path)
