"""A sweep's report: tables and plots in files, made from what its store holds."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from klsweep.errors import StoreError
from klsweep.reporting import plots, rows, stats, tables
from klsweep.result import Status
from klsweep.store import Store, atomic

TABLES = ("runs.csv", "summary.csv", "summary.md", "summary.tex")


@dataclass(frozen=True, eq=False)
class Report:
    """What was written, and what a reader has to know about it."""

    sweep: str
    directory: Path
    files: tuple[Path, ...]
    runs: pd.DataFrame
    summary: pd.DataFrame
    notes: tuple[str, ...]
    """One sentence each: what is missing, lost or damaged. Empty if the sweep is whole."""


def build(store: Store, *, out: Path | None = None) -> Report:
    """Write tables and plots to `<sweep>/report`, or to `out/<sweep>`; the same store gives the same bytes.

    Raises `StoreError` where the directory cannot be written.
    """
    directory = store.report_dir if out is None else out / store.name
    runs = rows.runs(store)
    summary = stats.summary(runs)
    files = []
    try:
        for name, content in _contents(store, runs, summary):
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(path, content)
            files.append(path)
        _remove_stale(directory, files)
    except OSError as error:
        raise StoreError(
            f"{directory}: cannot write the report here ({error.strerror or error}): "
            "needs a directory that you may write to: choose one with --out DIR"
        ) from None
    return Report(store.name, directory, tuple(files), runs, summary, _notes(store, runs))


def _contents(store: Store, runs: pd.DataFrame, summary: pd.DataFrame) -> Iterator[tuple[str, bytes]]:
    texts = (rows.csv(runs), rows.csv(summary), tables.markdown(summary), tables.latex(summary))
    for name, text in zip(TABLES, texts, strict=True):
        yield name, text.encode(errors="replace")  # a lone surrogate in a name is no reason to have no table
    for name, images in plots.draw(runs, summary, store.curve):
        for kind, content in images.items():
            yield f"plots/{name}.{kind}", content


def _remove_stale(directory: Path, written: list[Path]) -> None:
    """A plot of an earlier report that this one does not have would show what is no longer so."""
    for name in plots.NAMES:
        for kind in ("png", "svg"):
            path = directory / "plots" / f"{name}.{kind}"
            if path not in written:
                path.unlink(missing_ok=True)


def _notes(store: Store, runs: pd.DataFrame) -> tuple[str, ...]:
    count = Counter(runs["status"])
    said = [
        f"{count[str(status)]} of {len(runs)} jobs {_ENDED[status]}: listed in runs.csv, in no mean and no plot"
        for status in _ENDED
        if count[str(status)]
    ]
    planned = {job_id for ids in store.plan().values() for job_id in ids}
    if missing := len(planned - set(runs["job_id"])):
        said.append(
            f"{missing} of {len(planned)} planned jobs have no result yet: the report is of the others"
        )
    if not count[str(Status.OK)]:
        said.append("no job has finished ok: there are no plots")
    if repeated := stats.repeats(runs):
        said.append(f"{repeated} jobs repeat the setting and seed of another in another unit: counted once")
    return (*said, *(f"damaged and left out: {problem}" for problem in store.problems()))


_ENDED = {
    Status.DIVERGED: "diverged",
    Status.FAILED: "failed",
    Status.TIMEOUT: "ran out of time",
    Status.INTERRUPTED: "were interrupted",
}
