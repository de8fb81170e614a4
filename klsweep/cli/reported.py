"""A report on the screen and as JSON."""

import webbrowser
from collections.abc import Iterable
from typing import Any

from klsweep.cli.screen import complain, say, show
from klsweep.reporting import Report, spoken, terminal
from klsweep.reporting.verdict import shown


def report_json(report: Report) -> dict[str, Any]:
    """What was written, for machines."""
    return {
        "sweep": report.sweep,
        "directory": str(report.directory),
        "page": str(report.page),
        "files": [str(path) for path in report.files],
        "jobs": len(report.runs),
        "notes": list(report.notes),
        "verdict": shown.plain(report.verdicts),
    }


def show_report(report: Report) -> None:
    """Print the verdict, the summary table, what a reader has to know, and where the rest is."""
    for line in shown.lines(report.verdicts, report.path):
        say(line)
    say("")
    show(terminal(report.summary))
    if report.sentences:
        show(spoken.terminal(report.sentences))
    for note in report.notes:
        say(f"{report.sweep}: {note}")
    say(f"{report.sweep}: {len(report.files)} files in {report.directory}; the page is {report.page.name}")


def open_pages(reports: Iterable[Report]) -> None:
    """Open the page of each report in the browser; where there is none, say where the page is."""
    for each in reports:
        if not webbrowser.open(each.page.resolve().as_uri()):
            complain(f"--open: no browser was found here: open {each.page} yourself")
