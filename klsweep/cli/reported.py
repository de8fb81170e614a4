"""A report on the screen and as JSON."""

from typing import Any

from klsweep.cli.screen import say, show
from klsweep.reporting import Report, terminal


def report_json(report: Report) -> dict[str, Any]:
    """What was written, for machines."""
    return {
        "sweep": report.sweep,
        "directory": str(report.directory),
        "files": [str(path) for path in report.files],
        "jobs": len(report.runs),
        "notes": list(report.notes),
    }


def show_report(report: Report) -> None:
    """Print the summary table, what a reader has to know, and where the rest is."""
    show(terminal(report.summary))
    for note in report.notes:
        say(f"{report.sweep}: {note}")
    say(f"{report.sweep}: {len(report.files)} files in {report.directory}")
