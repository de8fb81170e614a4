"""How a run ended."""

from typing import Any

from klsweep.cli.screen import duration
from klsweep.result import Status
from klsweep.running.runner import Summary


def ending(summary: Summary, *, again: str) -> str:
    """The end of a run in a few lines; `again` is the command that goes on with it."""
    counts = [f"{count} {status.value}" for status, count in sorted(summary.statuses.items())]
    own = summary.missing - summary.unasked
    counts += [f"{own} not done"] if own else []
    counts += [f"{summary.unasked} not done in other shards"] if summary.unasked else []
    lines = [f"{summary.sweep}: {summary.jobs} jobs: {', '.join(counts)}, in {duration(summary.seconds)}"]
    if summary.elsewhere:
        lines += [f"This run trained {summary.trained} of them, and others {summary.elsewhere} meanwhile."]
    if summary.signal is not None:
        lines += ["Interrupted. To go on:", f"  {again}"]
    elif own:
        lines += ["To go on:", f"  {again}"]
    if set(summary.statuses) - {Status.OK}:
        lines += [f"What went wrong, and why: klsweep status {summary.path}"]
    if summary.unmeasured:
        jobs = "1 job" if summary.unmeasured == 1 else f"{summary.unmeasured} jobs"
        lines += [f"Of {jobs} a metric could not be measured; which, and why: klsweep status {summary.path}"]
    if summary.statuses.get(Status.OK):
        lines += [f"Tables and plots: klsweep report {summary.path}"]
    return "\n".join(lines)


def ending_json(summary: Summary) -> dict[str, Any]:
    """The same for machines."""
    return {
        "sweep": summary.sweep,
        "path": str(summary.path),
        "jobs": summary.jobs,
        "trained": summary.trained,
        "trained_elsewhere": summary.elsewhere,
        "missing": summary.missing,
        "unmeasured": summary.unmeasured,
        "statuses": {status.value: summary.statuses.get(status, 0) for status in Status},
        "seconds": summary.seconds,
        "interrupted": summary.signal is not None,
        "notes": list(summary.notes),
        "exit_code": summary.exit_code,
    }
