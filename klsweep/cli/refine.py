"""The command `klsweep refine`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from klsweep.cli.screen import say, say_json


def refine(
    path: Annotated[Path, typer.Argument(help="A sweep that has results.", show_default=False)],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write here instead of PATH/refined.yaml.", show_default=False),
    ] = None,
    goal: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GOAL",
            help="Refine around it too, as 'rate_nats<=20'; again for more.",
            show_default=False,
        ),
    ] = None,
    around: Annotated[
        list[str], typer.Option(metavar="ANSWER", help="best, knee or collapse; again for more.")
    ] = ["best"],  # noqa: B006 - typer's way to write the default of a list
    points: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="New weights in each cell; default: 2.", show_default=False),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Seeds in all; default: 5 where too few are there.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")] = False,
) -> None:
    """Write the spec that narrows a sweep's verdict. More weights where the answer lies, more seeds if needed."""
    from klsweep import api

    found = api.refine(path, out=out, goals=goal or (), around=around, points=points, seeds=seeds)
    if as_json:
        added = {name: list(values) for name, values in found.added.axes.items()}
        say_json({"spec": str(found.path), "sweep": str(found.sweep), "added": added})
        return
    parent = found.sweep.parent
    results = "" if parent == Path("results") else f" --results {shlex.quote(str(parent))}"
    say(f"{found.path}: {found.added.said}")
    say(f"klsweep run {shlex.quote(str(found.path))}{results}")
