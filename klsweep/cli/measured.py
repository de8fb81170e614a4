"""The command `klsweep measure`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klsweep.cli.screen import say, say_json

if TYPE_CHECKING:
    from klsweep.running.measuring import Measured


def measure(
    path: Annotated[Path, typer.Argument(help="A results directory, or one sweep in it.")],
    metric: Annotated[
        list[str],
        typer.Option(
            "--metric",
            "-m",
            metavar="METRIC",
            help="As in a spec: probe, or '{kind: iw_bound, samples: 5000}'; may be repeated.",
        ),
    ],
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            metavar="DIR",
            help="Where data sets are; KLSWEEP_DATA does the same.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")] = False,
) -> None:
    """Measure more of every finished job, from its weights. New columns in the report, nothing trained again."""
    from klsweep import api

    with counted("measuring") as listen:
        found = api.measure(path, metric, data_dir=data_dir, device=device, listen=listen)
    if as_json:
        say_json([_json(each) for each in found])
    else:
        say("\n".join(_ending(each) for each in found))
    raise typer.Exit(1 if any(each.failed for each in found) else 0)


@contextmanager
def counted(doing: str) -> Iterator[Callable[[int, int], None]]:
    """A listener that counts on a terminal and is still elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _ending(found: "Measured") -> str:
    counts = [f"{found.measured} jobs measured"]
    counts += [f"{found.skipped} had it already"] if found.skipped else []
    counts += [f"{found.failed} could not be"] if found.failed else []
    return "\n".join([*found.notes, f"{found.sweep}: {', '.join(counts)}"])


def _json(found: "Measured") -> dict[str, Any]:
    return {
        "sweep": found.sweep,
        "measured": found.measured,
        "skipped": found.skipped,
        "failed": found.failed,
        "notes": list(found.notes),
    }
