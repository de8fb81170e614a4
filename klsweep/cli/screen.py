"""The two streams: what was asked for goes to standard output, everything about it to standard error."""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from klsweep.errors import StoreError

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDE = 400
"""Columns where nobody watches: a table in a pipe or a file is never folded."""

TALL = 1000
"""Rows of a table on a terminal, which keeps few more; a pipe or a file gets all of them."""


def say(text: str) -> None:
    """Print to standard output as it is. A reader who has seen enough, as `head`, changes nothing else."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
    except OSError as error:
        _discard_output()
        raise StoreError(f"standard output: cannot be written ({error.strerror or error})") from None


def _discard_output() -> None:
    """What is still in its buffer would fail once more when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_folded(text: str, *, indent: int = 0) -> None:
    """A line, folded below itself on a terminal alone: what reads a pipe wants one line each."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 100 * WIDE
    folded = textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )
    say("\n".join(folded))


def say_json(value: Any) -> None:
    """Print pure JSON to standard output."""
    from pydantic_core import to_json  # the json of Python takes eight times as long where it indents

    say(to_json(value, indent=2).decode())


def show(renderable: "RenderableType") -> None:
    """Print a table to standard output, in colour on a terminal only."""
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    with console.capture() as captured:
        console.print(renderable)
    say(captured.get().rstrip("\n"))


def show_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[bool]) -> None:
    """Print a table that may be long; columns that are `right` are flush right and never folded."""
    if not sys.stdout.isatty():
        say("\n".join(_aligned([headings, *rows], right)))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, is_right in zip(headings, right, strict=True):
        table.add_column(
            Text(heading),
            justify="right" if is_right else "left",
            no_wrap=is_right,
            overflow="ellipsis" if is_right else "fold",
        )
    for row in rows[:TALL]:
        table.add_row(*map(Text, row))
    show(table)
    if len(rows) > TALL:
        say(f"... and {len(rows) - TALL:,} more: a pipe or a file gets them all")


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """The rows in columns, as rich sets them where there is room, in a fiftieth of the time."""
    from rich.cells import cell_len

    columns = []
    for column, is_right in zip(zip(*rows, strict=True), right, strict=True):
        sizes = list(map(cell_len, column))
        width = max(sizes)
        spaces = [" " * (width - size) for size in sizes]
        pairs = zip(spaces, column, strict=True) if is_right else zip(column, spaces, strict=True)
        columns.append(list(map("".join, pairs)))
    return list(map("  ".join, zip(*columns, strict=True)))


def complain(text: str) -> None:
    """Print an error to standard error, in red on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text("error: ", style="bold red") + Text(text))


def number(value: float) -> str:
    """A weight or setting in at most four significant digits."""
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
