"""`klsweep report --watch`: the report of a sweep that runs, made again whenever there is more to report."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from klsweep.cli.reported import open_pages
from klsweep.cli.screen import say
from klsweep.errors import StoreError
from klsweep.store import Store, sweeps

if TYPE_CHECKING:
    from klsweep.reporting import Report


RELOAD = 10.0
"""Seconds after which a browser loads the page of a running sweep anew, at least: it is of several megabytes."""


@dataclass(frozen=True, eq=False)
class Refresh:
    """A report that was made anew."""

    report: "Report"
    mark: frozenset[tuple[str, int]]
    """Of the store before it was read."""
    jobs: int
    """That are asked for; those with a result where no plan says."""
    done: int
    """Of these, with a result."""
    seconds: float


def watch(
    path: Path,
    *,
    out: Path | None = None,
    goals: Sequence[str] = (),
    style: str = "screen",
    every: float,
    tell: Callable[[Refresh], None],
    rest: Callable[[float], None] = time.sleep,
) -> "tuple[Report, ...]":
    """Build every report at `path` and build it again when its store has changed, until all sweeps are complete.

    A sweep is complete when nothing uses it and every job that is asked for has a result. `tell` hears of every
    refresh; there are `every` seconds between looks, and no fewer than a refresh took, in which it is to `rest`. What
    another process is writing is read as far as it is whole.
    """
    from klsweep.reporting import build

    seen: dict[Path, Refresh] = {}
    while True:
        stores = sweeps(path)
        held = any(
            store.work.is_held() for store in stores
        )  # asked first: what ends meanwhile gets another look
        pause = every
        for store in stores:
            known = seen.get(store.path)
            if fresh := _refresh(
                store,
                known,
                partial(build, store, out=out, goals=goals, style=style, reload=max(every, RELOAD)),
            ):
                seen[store.path] = fresh
                pause = max(pause, fresh.seconds)  # a large report never takes more than half of a core
                tell(fresh)
        if not held and all(_is_complete(seen.get(store.path)) for store in stores):
            return tuple(seen[store.path].report for store in stores)
        rest(pause)


def line(refresh: Refresh) -> str:
    """One refresh on the screen."""
    report = refresh.report
    clock = time.strftime("%H:%M:%S")
    return (
        f"{clock} {report.sweep}: {refresh.done} of {refresh.jobs} jobs have a result: "
        f"{report.page} is new ({refresh.seconds:.1f} s)"
    )


def watched(
    path: Path, *, out: Path | None, goals: Sequence[str], style: str, every: float, quiet: bool, open_: bool
) -> "tuple[Report, ...]":
    """Watch with a line for each refresh, and open each page once if asked; Ctrl-C exits 130."""
    opened = set()

    def tell(refresh: Refresh) -> None:
        if not quiet:
            say(line(refresh))
        if open_ and refresh.report.path not in opened:
            opened.add(refresh.report.path)
            open_pages([refresh.report])

    try:
        with _ctrl_c_remembered() as rest:
            return watch(path, out=out, goals=goals, style=style, every=every, tell=tell, rest=rest)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def _ctrl_c_remembered() -> Iterator[Callable[[float], None]]:
    """A rest that Ctrl-C ends also where it came before: Python drops what is raised while it takes objects down."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield time.sleep  # in the background of a script Ctrl-C is not for us
        return
    asked = False

    def remember(_signal: int, _frame: object) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def rest(seconds: float) -> None:
        if asked:
            raise KeyboardInterrupt
        time.sleep(seconds)

    signal.signal(signal.SIGINT, remember)
    try:
        yield rest
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _refresh(store: Store, known: Refresh | None, report_of: Callable[[], "Report"]) -> Refresh | None:
    """The report made anew; None if nothing has changed, or if so much did that it could not be read at once."""
    mark = store.mark()
    if known is not None and known.mark == mark:
        return None
    started = time.perf_counter()
    try:
        report = report_of()
    except StoreError:
        if store.mark() == mark:
            raise
        return None  # a result was set aside while it was read: there is another look to come
    finished = set(report.runs["job_id"])
    asked = {job_id for ids in store.work.plan().values() for job_id in ids} or finished
    return Refresh(report, mark, len(asked), len(asked & finished), time.perf_counter() - started)


def _is_complete(refresh: Refresh | None) -> bool:
    return refresh is not None and 0 < refresh.jobs == refresh.done
