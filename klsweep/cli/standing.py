"""Where sweeps stand, on the screen and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from klsweep.cli.screen import say, show
from klsweep.result import Status
from klsweep.running.status import Standing

BAD = (Status.DIVERGED, Status.FAILED, Status.TIMEOUT, Status.INTERRUPTED)
MOST_ERRORS = 10


def standing_json(standing: Standing) -> dict[str, Any]:
    """One sweep's standing for machines."""
    return {
        "sweep": standing.sweep,
        "jobs": standing.jobs,
        "statuses": {status.value: standing.finished.get(status, 0) for status in Status},
        "running": standing.running,
        "missing": standing.missing,
        "orphans": standing.orphans,
        "errors": list(standing.errors),
        "problems": list(standing.problems),
        "unmeasured": list(standing.unmeasured),
    }


def show_standings(standings: Sequence[Standing]) -> None:
    """Print a line for each sweep, then what went wrong."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("sweep", overflow="fold")
    for name in ("jobs", "ok", "running", "missing", *(status.value for status in BAD)):
        table.add_column(name, justify="right")
    for each in standings:
        counts = [each.jobs, each.finished.get(Status.OK, 0), each.running, each.missing]
        counts += [each.finished.get(status, 0) for status in BAD]
        table.add_row(Text(each.sweep), *map(str, counts))
    show(table)
    for each in standings:
        for error in each.errors[:MOST_ERRORS]:
            say(f"{each.sweep}: {error}")
        if len(each.errors) > MOST_ERRORS:
            say(f"{each.sweep}: and {len(each.errors) - MOST_ERRORS} more errors")
        for problem in each.problems:
            say(f"damaged: {problem}")
        for failure in each.unmeasured:
            say(f"{each.sweep}: {failure}")
        if each.orphans:
            say(f"{each.sweep}: {each.orphans} results belong to no job of the spec last run; they stay")
