"""A sweep's report: tables, plots and a page in files, made from what its store holds."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from klsweep.errors import KlsweepError, StoreError
from klsweep.reporting import plots, rows, shares, spoken, stats, tables
from klsweep.reporting.page import page
from klsweep.reporting.plots import looks
from klsweep.reporting.plots.looks import Look
from klsweep.reporting.plots.material import Material
from klsweep.reporting.spoken import Spoken
from klsweep.reporting.verdict import Verdicts, shown, verdicts
from klsweep.result import Status
from klsweep.store import Store, atomic, unmeasured

TABLES = ("runs.csv", "summary.csv", "summary.md", "summary.tex")
PAGE = "index.html"
LARGE = 1000  # jobs, of which plots and page take so long that further processes are worth their start


@dataclass(frozen=True, eq=False)
class Report:
    """What was written, and what a reader has to know about it."""

    sweep: str
    directory: Path
    files: tuple[Path, ...]
    runs: pd.DataFrame
    summary: pd.DataFrame
    notes: tuple[str, ...]
    """One sentence each: what is missing, lost, damaged or not measured. Empty if the sweep is whole."""
    verdicts: Verdicts
    """What the sweep says about the weight, and what of it there is not enough evidence for."""
    path: Path
    """Of the sweep."""
    sentences: tuple[Spoken, ...] = ()
    """Of a sweep on text."""

    @property
    def page(self) -> Path:
        """The page, which shows all of it."""
        return self.directory / PAGE


def build(
    store: Store,
    *,
    out: Path | None = None,
    goals: Sequence[str] = (),
    style: str = "screen",
    reload: float | None = None,
) -> Report:
    """Write tables, plots and the page to `<sweep>/report`, or to `out/<sweep>`; the same store gives the same bytes.

    `goals` are answered in the verdict, as `active_units>=8`. The plots of the `style` `paper` are as wide as a
    column of a paper. While jobs are missing, a browser loads the page anew every `reload` seconds. Raises
    `StoreError` where the directory cannot be written, and `KlsweepError` where a goal or the style is none.
    """
    if style not in looks.LOOKS:
        raise KlsweepError(f"--style {style}: unknown style: allowed: {', '.join(looks.LOOKS)}")
    directory = store.report_dir if out is None else out / store.name
    runs = rows.runs(store)
    summary = stats.summary(runs)
    found = verdicts(store, runs, goals)
    planned = {job_id for ids in store.work.plan().values() for job_id in ids}
    missing = len(planned - set(runs["job_id"]))
    notes = _notes(store, runs, missing=missing, planned=len(planned))
    again = reload if missing else None
    head = shown.markdown(found, store.path)
    material = plots.material(store, runs, summary, found.each)
    sentences = spoken.spoken(material)
    files = []
    try:
        made = _made(
            material, looks.LOOKS[style], lambda: page(store, runs, summary, found, notes, reload=again)
        )
        for name, content in (*_tables(runs, summary, (head, spoken.markdown(sentences))), *made):
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
    return Report(
        store.name,
        directory,
        tuple(files),
        runs,
        summary,
        notes,
        verdicts=found,
        path=store.path,
        sentences=sentences,
    )


def _tables(
    runs: pd.DataFrame, summary: pd.DataFrame, around: tuple[str, str]
) -> Iterator[tuple[str, bytes]]:
    head, foot = around
    texts = (
        rows.csv(runs),
        rows.csv(summary),
        "\n".join([head, "## Summary\n", tables.markdown(summary), *([foot] if foot else [])]),
        tables.latex(summary),
    )
    for name, text in zip(TABLES, texts, strict=True):
        yield name, text.encode(errors="replace")  # a lone surrogate in a name is no reason to have no table


def _made(material: Material, look: Look, page: Callable[[], bytes]) -> Iterator[tuple[str, bytes]]:
    """Plots and page: in a small sweep one after the other, else at once on several cores."""
    makers: dict[str, Callable[[], dict[str, bytes]]] = {PAGE: lambda: {PAGE: page()}}
    makers |= dict(plots.draw(material, look))
    is_small = len(material.runs) < LARGE
    made = {name: make() for name, make in makers.items()} if is_small else shares.made(makers)
    yield from made.pop(PAGE).items()
    for name, images in made.items():
        for kind, content in images.items():
            yield f"plots/{name}.{kind}", content


def _remove_stale(directory: Path, written: list[Path]) -> None:
    """A plot of an earlier report that this one does not have would show what is no longer so."""
    for name in plots.NAMES:
        for kind in plots.KINDS:
            path = directory / "plots" / f"{name}.{kind}"
            if path not in written:
                path.unlink(missing_ok=True)


def _notes(store: Store, runs: pd.DataFrame, *, missing: int, planned: int) -> tuple[str, ...]:
    count = Counter(runs["status"])
    said = [
        f"{count[str(status)]} of {len(runs)} jobs {_ENDED[status]}: listed in runs.csv, in no mean and no plot"
        for status in _ENDED
        if count[str(status)]
    ]
    if missing:
        said.append(f"{missing} of {planned} planned jobs have no result yet: the report is of the others")
    if not count[str(Status.OK)]:
        said.append("no job has finished ok: there are no plots")
    if repeated := stats.repeats(runs):
        said.append(f"{repeated} jobs repeat the setting and seed of another in another unit: counted once")
    said += unmeasured(store.records())
    return (*said, *(f"damaged and left out: {problem}" for problem in store.problems()))


_ENDED = {
    Status.DIVERGED: "diverged",
    Status.FAILED: "failed",
    Status.TIMEOUT: "ran out of time",
    Status.INTERRUPTED: "were interrupted",
}
