"""The command `klsweep export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klsweep.cli.measured import counted
from klsweep.cli.screen import say, say_json

if TYPE_CHECKING:
    from klsweep.reporting.exports import Export


def export(
    path: Annotated[Path, typer.Argument(help="A results directory, or one sweep in it.")] = Path("results"),
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORM",
            help="csv, markdown, latex, parquet, tensorboard, mlflow or wandb.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write to DIR/<sweep> instead of <sweep>/export; mlflow: to DIR, one store for all sweeps.",
            show_default=False,
        ),
    ] = None,
    what: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE",
            help="runs, summary or curves, of those that FORM holds; again for more. Default: all of them.",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")] = False,
) -> None:
    """Write finished jobs as tables, or for an experiment tracker. Its store is local: nothing is sent anywhere."""
    from klsweep import api

    with counted("exporting") as listen:
        found = api.export(path, to, out=out, what=what or (), listen=listen)
    if as_json:
        say_json([_json(each) for each in found])
    elif not quiet:
        for each in found:
            say(_ending(each))


def _ending(found: "Export") -> str:
    jobs = f"{found.jobs} {'job' if found.jobs == 1 else 'jobs'}"
    if found.note:
        return f"{found.sweep}: {jobs} in {found.directory}\n{found.note}"
    return f"{found.sweep}: {', '.join(path.name for path in found.files)} of {jobs} in {found.directory}"


def _json(found: "Export") -> dict[str, Any]:
    return {
        "sweep": found.sweep,
        "to": found.target,
        "directory": str(found.directory),
        "files": [str(path) for path in found.files],
        "jobs": found.jobs,
    }
