"""The summary as Markdown, LaTeX and a terminal table. Names from a spec are escaped: they stay text."""

import re
from collections.abc import Iterable
from dataclasses import replace

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from klsweep.reporting import numbers
from klsweep.reporting.sheets import Sheet, sheet

ROWS_SHOWN = 40
WIDTH = 80

LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "…": r"\ldots{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{char: f"{{{char}}}" for char in "[]*"},  # after a line's end they would be its optional argument
}
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#&$@]|:(?=\S)|(?<=www)\.)")
"""What marks up, and what GitHub makes formulas, links, pictures and mentions of."""


def markdown(summary: pd.DataFrame) -> str:
    """A GitHub table with its caption."""
    content = sheet(summary)
    rules = ["---"] * len(content.settings) + ["---:"] * len(content.numbers)
    head = [_row(escaped(cell) for cell in content.headings), _row(rules)]
    body = [_row(escaped(cell) for cell in (*names, *cells)) for names, cells in content.rows]
    caption = "; ".join(escaped(sentence) for sentence in content.caption)
    return "\n".join([f"{caption}.", "", *head, *body]) + "\n"


def escaped(text: str) -> str:
    """Text that stays text in Markdown, on one line."""
    return MARKDOWN.sub(r"\\\1", _line(text))


def latex(summary: pd.DataFrame) -> str:
    r"""A `tabular` of the booktabs package, to be \input inside a table; the caption is a comment."""
    content = sheet(summary)
    lines = [
        "% \\usepackage{booktabs}",
        *(f"% {_line(sentence)}" for sentence in content.caption),
        f"\\begin{{tabular}}{{{'l' * len(content.settings)}{'r' * len(content.numbers)}}}",
        "\\toprule",
        _latex_row(content.headings),
        "\\midrule",
        *(_latex_row((*names, *cells)) for names, cells in content.rows),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def terminal(summary: pd.DataFrame, *, width: int = WIDTH) -> RenderableType:
    """The first `ROWS_SHOWN` rows within `width` columns; settings become headings if columns do not fit."""
    content = sheet(summary)
    parts: list[RenderableType] = [*(Text(f"{sentence}.") for sentence in content.caption), Text("")]
    if _needed(_columns(content)) <= width:
        parts.append(_plain(content))
    elif _needed(_columns(content)[len(content.settings) :]) <= width:
        parts += _grouped(content, width)
    else:
        parts += _grouped(_tight(content), width)
    if len(content.rows) > ROWS_SHOWN:
        parts.append(
            Text(f"… {len(content.rows) - ROWS_SHOWN} more rows of {len(content.rows)}: summary.csv")
        )
    return Group(*parts)


Column = tuple[str, bool, int]  # heading, whether it is a number, width of its cells


def _columns(content: Sheet) -> list[Column]:
    """Of the settings, then of the numbers."""
    shown = content.rows[:ROWS_SHOWN]
    texts = [(name, False, [row[0][i] for row in shown]) for i, name in enumerate(content.settings)]
    numbers = [(name, True, [row[1][i] for row in shown]) for i, name in enumerate(content.numbers)]
    return [(name, is_number, _widest(cells)) for name, is_number, cells in texts + numbers]


def _tight(content: Sheet) -> Sheet:
    """The same without spaces around ±."""
    rows = [(names, tuple(cell.replace(" ± ", "±") for cell in cells)) for names, cells in content.rows]
    return replace(content, rows=tuple(rows))


def _widest(cells: list[str]) -> int:
    return max(map(len, cells), default=0)


def _needed(columns: list[Column]) -> int:
    """Headings wrap between words, cells stay whole, two spaces between columns."""
    return sum(max(width, _widest(heading.split())) + 2 for heading, _, width in columns) - 2


def _plain(content: Sheet) -> Table:
    table = _table(_columns(content), show_header=True)
    for names, cells in content.rows[:ROWS_SHOWN]:
        table.add_row(*map(Text, (*names, *cells)))
    return table


def _grouped(content: Sheet, width: int) -> list[RenderableType]:
    """One heading line per setting, its weights below; all parts with the same column widths."""
    columns = _columns(content)[len(content.settings) :]
    if _needed(columns) > width and "beta" in content.numbers:
        return _grouped(_without_beta(content), width)
    parts: list[RenderableType] = [_table(columns, show_header=True)]
    last: tuple[str, ...] | None = None
    for names, cells in content.rows[:ROWS_SHOWN]:
        if names != last:
            parts.append(Text(_heading(content.settings, names), style="bold"))
            parts.append(_table(columns, show_header=False))
            last = names
        table = parts[-1]
        assert isinstance(table, Table)
        table.add_row(*map(Text, cells))
    return parts


def _without_beta(content: Sheet) -> Sheet:
    """The last resort in a narrow terminal: beta follows from beta_norm, and every file has it."""
    at = content.numbers.index("beta")
    rows = tuple((names, (*cells[:at], *cells[at + 1 :])) for names, cells in content.rows)
    return replace(content, numbers=tuple(name for name in content.numbers if name != "beta"), rows=rows)


def _heading(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {numbers.short(value, 60)}" for name, value in zip(names, values, strict=True))


def _table(columns: list[Column], *, show_header: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=show_header)
    for heading, number, width in columns:
        size = max(width, _widest(heading.split()))
        table.add_column(Text(heading), justify="right" if number else "left", width=size, vertical="bottom")
    return table


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(latex_text, cells)) + r" \\"


def latex_text(text: str) -> str:
    """Text that stays text in LaTeX, on one line."""
    return "".join(LATEX.get(char, char) for char in _line(text))


def _line(text: str) -> str:
    return " ".join(text.split())
