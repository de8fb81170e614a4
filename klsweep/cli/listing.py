"""The commands `klsweep kinds` and `klsweep schema`: what a spec may say."""

from pathlib import Path
from typing import Annotated

import typer

from klsweep.cli.screen import say, say_json
from klsweep.errors import KlsweepError


def kinds(
    family: Annotated[
        str | None,
        typer.Argument(help="dataset, model, likelihood, objective, schedule or metrics; all without it."),
    ] = None,
    *,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the schedules instead: FILE.png.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")] = False,
) -> None:
    """List every part a spec can choose. Settings, defaults and source of each."""
    from klsweep.cli.kinds import kinds_json, show_kinds

    if plot is not None:
        if family != "schedule":
            raise KlsweepError("--plot draws schedules: write klsweep kinds schedule --plot FILE.png")
        from klsweep.cli.drawn import draw_schedules

        kinds_drawn = draw_schedules(plot)
        if as_json:
            say_json({"plot": str(plot)})
        else:
            say(f"{kinds_drawn} schedules drawn in {plot}")
    elif as_json:
        say_json(kinds_json(family))
    else:
        show_kinds(family)


def schema() -> None:
    """Print the JSON Schema of a spec, for editors."""
    from klsweep.spec import schema as spec_schema

    say_json(spec_schema())
