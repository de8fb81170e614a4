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

PROSE = 79
"""Columns of sentences."""

LEAST_TEXT = 5
"""Columns that text keeps on a terminal as long as that is enough for the table to fit."""

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
    say(_folded(text, max(width, 40), indent))


def say_prose(text: str, *, indent: int = 0) -> None:
    """Sentences, folded below themselves everywhere: people read them in pipes and files too."""
    say(_folded(text, PROSE, indent))


def _folded(text: str, width: int, indent: int) -> str:
    folded = textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(folded)


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
    """Print a table that may be long; on a terminal text is cut where it has no room, the first column never."""
    if not sys.stdout.isatty():
        say("\n".join(_aligned([headings, *rows], right)))
        return
    from rich.table import Table
    from rich.text import Text

    gap, widths = _fitting(headings, rows[:TALL], right, shutil.get_terminal_size().columns)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    for heading, is_right, width in zip(headings, right, widths, strict=True):
        words = [Text(word) for word in heading.split()]
        for word in words:
            word.truncate(width, overflow="ellipsis")
        head = Text("\n").join(words) if len(heading) > width else Text(heading)
        table.add_column(head, justify="right" if is_right else "left", width=width)
    for row in rows[:TALL]:
        cells = [Text(cell) for cell in row]
        for cell, width in zip(cells, widths, strict=True):
            cell.truncate(width, overflow="ellipsis")
        table.add_row(*cells)
    show(table)
    if len(rows) > TALL:
        say(f"... and {len(rows) - TALL:,} more: a pipe or a file gets them all")


def _fitting(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], room: int
) -> tuple[int, list[int]]:
    """Spaces between columns and their widths that fit into `room`: heads fold, then text gives way."""
    from rich.cells import cell_len

    cells = [max((cell_len(row[place]) for row in rows), default=0) for place in range(len(headings))]
    whole = list(map(max, cells, map(len, headings)))
    if sum(whole) + 2 * (len(whole) - 1) <= room:
        return 2, whole
    heads = [max(map(len, heading.split())) for heading in headings]
    widths = list(map(max, cells, heads))
    yielding = [place for place in range(1, len(headings)) if not right[place]]
    for least in (LEAST_TEXT, 1):
        while sum(widths) + len(widths) - 1 > room:
            widest = max(yielding, key=lambda place: widths[place], default=None)
            if widest is None or widths[widest] <= least:
                break
            widths[widest] -= 1
    return 1, widths


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
