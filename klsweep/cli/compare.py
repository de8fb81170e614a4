"""The command `klsweep compare`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from klsweep.cli.screen import say, say_folded, say_json, show

if TYPE_CHECKING:
    from klsweep.reporting.compare import Comparison, Row


def compare(
    path: Annotated[str, typer.Argument(metavar="A", help="A sweep.", show_default=False)],
    others: Annotated[
        list[str],
        typer.Argument(
            metavar="B | KEY=VALUE,... KEY=VALUE,...",
            help="Another sweep, or two settings of the first.",
            show_default=False,
        ),
    ],
    *,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            "-m",
            metavar="COLUMN",
            help="A column of runs.csv; again for more.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")] = False,
) -> None:
    """Compare two sweeps, or two settings of one, seed by seed. Differences that are real are marked."""
    from klsweep import api

    found = api.compare(path, *others, metrics=metric or ())
    if as_json:
        say_json(_json(found))
    else:
        _show(found)


def _json(found: "Comparison") -> dict[str, Any]:
    return {
        "first": found.first,
        "second": found.second,
        "alike": found.alike,
        "unmatched": found.unmatched,
        "rows": [_row_json(row) for row in found.rows],
    }


def _row_json(row: "Row") -> dict[str, Any]:
    several = row.paired.n > 1
    return {
        "setting": row.setting,
        "metric": row.metric,
        "n": row.paired.n,
        "first": row.first,
        "second": row.second,
        "difference": row.paired.difference,
        "ci95": row.paired.half_width if several else None,
        "p": row.paired.p if several else None,
        "real": row.is_real,
    }


def _show(found: "Comparison") -> None:
    """A table for each metric, a row for each setting."""
    from rich.table import Table
    from rich.text import Text

    from klsweep.reporting import numbers

    say(f"A: {found.first}\nB: {found.second}")
    if found.alike:
        say_folded("both: " + ", ".join(f"{name} {value}" for name, value in found.alike.items()))
    for metric in dict.fromkeys(row.metric for row in found.rows):
        of_metric = [row for row in found.rows if row.metric == metric]
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in of_metric[0].setting:
            table.add_column(Text(name), overflow="fold")
        for name in ("A", "B", "B - A", "pairs"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("real")
        for row in of_metric:
            means = (numbers.number(row.first), numbers.number(row.second))
            difference = numbers.estimate(row.paired.difference, row.paired.half_width)
            cells = [numbers.short(value, 40) for value in row.setting.values()]
            mark = "*" if row.is_real else ""
            table.add_row(*map(Text, (*cells, *means, difference, str(row.paired.n), mark)))
        say(f"\n{metric}")
        show(table)
    say("")
    for note in _notes(found):
        say_folded(note)


def _notes(found: "Comparison") -> list[str]:
    from klsweep.reporting.compare import LEAST_PAIRS

    said = [
        "B - A: mean difference of pairs with the same seed, ± half its 95 % interval (Student's t)",
        f"*: told from 0 at 5 %, adjusted for {found.tests} rows (Holm)",
    ]
    if any(row.paired.n < LEAST_PAIRS for row in found.rows):
        said.append(f"fewer than {LEAST_PAIRS} pairs prove nothing and are never marked: more seeds may be")
    if found.unmatched:
        said.append(f"left out: {found.unmatched} settings without a partner of the same seed")
    return said
