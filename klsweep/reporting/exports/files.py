"""Tables in files: CSV, Markdown and LaTeX, written as the report writes them, and Parquet."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from klsweep.reporting import rows, tables
from klsweep.reporting.exports.tables import TABLES, table
from klsweep.reporting.exports.target import Listener
from klsweep.store import Store, atomic


@dataclass(frozen=True)
class Files:
    """One file for each table."""

    name: str
    suffix: str
    encode: Callable[[pd.DataFrame], bytes]
    holds: tuple[str, ...] = TABLES
    needs: tuple[str, ...] = ()
    holds_sweeps: bool = False

    def write(
        self,
        store: Store,
        directory: Path,
        chosen: Sequence[str],
        listen: Listener,  # noqa: ARG002 - files take a moment
    ) -> tuple[Path, ...]:
        """Write `runs.csv` and the like, each whole or not at all."""
        paths = []
        for name in chosen:
            paths.append(directory / f"{name}.{self.suffix}")
            atomic.write(paths[-1], self.encode(table(store, name)))
        return tuple(paths)

    def note(self, directory: Path) -> str:  # noqa: ARG002 - a table needs no word
        """Nothing: a table speaks for itself."""
        return ""


def _text(write: Callable[[pd.DataFrame], str]) -> Callable[[pd.DataFrame], bytes]:
    return lambda frame: write(frame).encode(errors="replace")


def _parquet(frame: pd.DataFrame) -> bytes:
    """With the types of the columns; texts as they are, for nothing in a Parquet file is executed."""
    content = io.BytesIO()
    frame.to_parquet(content, engine="pyarrow", index=False)
    return content.getvalue()


CSV = Files("csv", "csv", _text(rows.csv))
MARKDOWN = Files("markdown", "md", _text(tables.markdown), holds=("summary",))
LATEX = Files("latex", "tex", _text(tables.latex), holds=("summary",))
PARQUET = Files("parquet", "parquet", _parquet, needs=("pyarrow",))
