"""The targets by name, and `export`, which checks what is asked before anything is written."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from klsweep.errors import KlsweepError, StoreError
from klsweep.reporting.exports.files import CSV, LATEX, MARKDOWN, PARQUET
from klsweep.reporting.exports.mlflow import Mlflow
from klsweep.reporting.exports.target import Export, Listener, Target, silent
from klsweep.reporting.exports.tensorboard import TensorBoard
from klsweep.reporting.exports.wandb import Wandb
from klsweep.store import Store

_KNOWN: tuple[Target, ...] = (CSV, MARKDOWN, LATEX, PARQUET, TensorBoard(), Mlflow(), Wandb())
TARGETS = {target.name: target for target in _KNOWN}


def export(
    store: Store,
    to: str,
    *,
    out: Path | None = None,
    what: Sequence[str] = (),
    listen: Listener = silent,
) -> Export:
    """Write a sweep to `<sweep>/export`, or below `out`, as the target named `to`; exporting again replaces.

    `what` chooses among the tables of a target of files, all without it. Raises `KlsweepError` where the target is
    unknown, its extra is not installed or it has no such table, and `StoreError` where it cannot be written.
    """
    target = _target(to)
    tables = _tables(target, what)
    _require(target)
    directory = _directory(target, store, out)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        files = target.write(store, directory, tables, listen)
    except OSError as error:
        raise StoreError(
            f"{directory}: cannot write the export here ({error.strerror or error}): "
            "needs a directory that you may write to: choose one with --out DIR"
        ) from None
    return Export(store.name, to, directory, files, len(store.records()), target.note(directory))


def _target(name: str) -> Target:
    if name not in TARGETS:
        raise KlsweepError(f"--to {name}: no such form of export: allowed: {', '.join(TARGETS)}")
    return TARGETS[name]


def _tables(target: Target, what: Sequence[str]) -> tuple[str, ...]:
    """Those asked for, in the order of the target; all of them where none is named."""
    for name in what:
        if not target.holds:
            raise KlsweepError(f"--what {name}: --to {target.name} writes every job whole: leave --what out")
        if name not in target.holds:
            allowed = ", ".join(target.holds)
            raise KlsweepError(f"--what {name}: not a table of --to {target.name}: allowed: {allowed}")
    return tuple(name for name in target.holds if name in what or not what)


def _require(target: Target) -> None:
    absent = [name for name in target.needs if importlib.util.find_spec(name) is None]
    if absent:
        raise KlsweepError(
            f"--to {target.name}: needs {', '.join(absent)}, which is not installed: "
            f"pip install 'klsweep[{target.name}]'"
        )


def _directory(target: Target, store: Store, out: Path | None) -> Path:
    if out is None:
        return store.export_dir
    return out if target.holds_sweeps else out / store.name
