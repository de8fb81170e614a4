"""The two streams: what was asked for goes to standard output, everything about it to standard error."""

import json
import os
import shutil
import sys
import textwrap
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

WIDE = 400
"""Columns where nobody watches: a table in a pipe or a file is never folded."""


def say(text: str) -> None:
    """Print to standard output as it is. A reader who has seen enough, as `head`, changes nothing else."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
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
    say(json.dumps(value, indent=2, ensure_ascii=False))


def show(renderable: RenderableType) -> None:
    """Print a table to standard output, in colour on a terminal only."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    with console.capture() as captured:
        console.print(renderable)
    say(captured.get().rstrip("\n"))


def complain(text: str) -> None:
    """Print an error to standard error, in red on a terminal."""
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
