"""Tables that may be long, beside the same set by rich."""

import contextlib
import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from klsweep import api
from klsweep.cli import screen
from klsweep.cli.planned import show_plan

SWEEPS = Path(__file__).parents[2] / "sweeps"

HEADINGS, RIGHT = ("job", "likelihood", "raw weight"), (False, False, True)
ROWS = [
    ("a1", "bernoulli", "0.5"),
    ("名前", "gaussian(variance=0.1)", "12.25"),
    ("[bold]b[/bold]", "", "1e-05"),
]


def by_rich(width):
    table = Table(box=None, pad_edge=False)
    for heading, is_right in zip(HEADINGS, RIGHT, strict=True):
        table.add_column(heading, justify="right" if is_right else "left")
    for row in ROWS:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().rstrip().splitlines()]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_a_terminal(monkeypatch, rows):
    """What a terminal of 80 columns shows of a table."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    with contextlib.redirect_stdout(Terminal()) as shown:
        screen.show_rows(HEADINGS, rows, right=RIGHT)
    return shown.getvalue().splitlines()


def test_a_pipe_gets_the_table_that_rich_would_set(capsys):
    screen.show_rows(HEADINGS, ROWS, right=RIGHT)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == by_rich(400)


def test_a_terminal_gets_the_same_where_there_is_room(monkeypatch):
    assert [line.rstrip() for line in on_a_terminal(monkeypatch, ROWS)] == by_rich(80)


def test_a_terminal_gets_the_first_rows_of_a_long_table_and_how_many_more_there_are(monkeypatch):
    rows = [(str(row), "x", "1") for row in range(screen.TALL + 234)]
    *_, last, said = on_a_terminal(monkeypatch, rows)
    assert last.split() == [str(screen.TALL - 1), "x", "1"]
    assert said == "... and 234 more: a pipe or a file gets them all"


def test_a_pipe_gets_every_row_of_a_long_table(capsys):
    screen.show_rows(HEADINGS, [(str(row), "x", "1") for row in range(3 * screen.TALL)], right=RIGHT)
    assert len(capsys.readouterr().out.splitlines()) == 1 + 3 * screen.TALL


@pytest.mark.parametrize("name", ["smoke", "equilibria"])
def test_a_plan_fits_a_terminal_with_one_line_a_job(monkeypatch, tmp_path, name):
    """At 80 columns: ids whole, numbers whole, labels cut."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    planned = api.plan(SWEEPS / f"{name}.yaml", results=tmp_path, device="cpu")
    with contextlib.redirect_stdout(Terminal()) as shown:
        show_plan(planned)
    lines = shown.getvalue().splitlines()
    for job in planned.sweep.jobs:
        (line,) = [line for line in lines if line.startswith(f"{job.id} ")]
        assert len(line) <= 80
        assert line.rstrip().endswith("to do")
