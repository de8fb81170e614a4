"""A plan on the screen and as JSON."""

from typing import Any

from klsweep.cli.screen import duration, number, say, say_folded, show_rows
from klsweep.running.plan import Plan
from klsweep.spec.row import settings_row

WEIGHTS = ("beta_norm", "beta", "weight")


def plan_json(plan: Plan) -> dict[str, Any]:
    """Every job with its settings, its weight in every unit, its fleet and its state."""
    fleet_of = {job.id: fleet.id for fleet in plan.fleets for job in fleet.jobs}
    jobs = [
        {
            "job_id": job.id,
            "state": _state(plan, job.id),
            "fleet": fleet_of[job.id],
            **row,
            "job": job.identity,
        }
        for job, row in zip(plan.sweep.jobs, _rows(plan), strict=True)
    ]
    return {
        "sweep": plan.sweep.name,
        "path": str(plan.store.path),
        "jobs": jobs,
        "done": len(plan.done),
        "axes": {name: list(labels) for name, labels in plan.sweep.axes.items()},
        "fleets": [{"fleet": fleet.id, "members": list(fleet.job_ids)} for fleet in plan.fleets],
        "shard": None if plan.shard is None else str(plan.shard),
        "to_train": [job.id for fleet in plan.todo for job in fleet.jobs],
        "orphans": list(plan.orphans),
        "estimate_worker_seconds": plan.estimate_seconds,
        "notes": list(plan.sweep.notes),
    }


def show_plan(plan: Plan) -> None:
    """Print the plan: a few lines, the axes, then every job."""
    for note in plan.sweep.notes:
        say_folded(note)
    sweep = plan.sweep
    say(f"{sweep.name}: {len(sweep.jobs)} jobs, {len(plan.done)} done already, {len(plan.missing)} to train")
    sizes = [len(fleet.jobs) for fleet in plan.todo]
    if plan.shard is not None:
        jobs = len(plan.missing) - plan.elsewhere
        say(f"shard {plan.shard}: {jobs} of them, in {len(sizes)} of {len(plan.left)} fleets")
    elif sizes:
        say(f"fleets to train: {len(sizes)}, of {_span(sizes)} jobs each")
    if sizes:
        say(_estimate(plan))
    if plan.orphans:
        say(f"results that no job of this spec asks for: {len(plan.orphans)}; they stay")
    if sweep.axes:
        say("axes:")
        for name, labels in sweep.axes.items():
            say(f"  {name} ({len(labels)}): {', '.join(labels)}")
    _show_jobs(plan)


def _show_jobs(plan: Plan) -> None:
    """One line a job: its id, what varies, the weight in every unit, its state."""
    rows = _rows(plan)
    varying = [
        name
        for name in rows[0]
        if name not in (*WEIGHTS, "theta", "input_dim") and len({row[name] for row in rows}) > 1
    ]
    cells = [
        (
            job.id,
            *(str(row[name]) for name in varying),
            *(number(float(row[name] or 0.0)) for name in WEIGHTS),
            _state(plan, job.id),
        )
        for job, row in zip(plan.sweep.jobs, rows, strict=True)
    ]
    words = ["job", *(name.replace("_", " ") for name in varying)]
    show_rows(
        [*words, "beta_norm", "beta", "raw weight", "state"],
        cells,
        right=[*[False] * len(words), True, True, True, False],
    )


def _rows(plan: Plan) -> list[dict[str, Any]]:
    facts = [plan.sweep.facts_of(job) for job in plan.sweep.jobs]
    return [
        settings_row(job, input_dim=each.input_dim, train_size=each.sizes[0])
        for job, each in zip(plan.sweep.jobs, facts, strict=True)
    ]


def _state(plan: Plan, job_id: str) -> str:
    return plan.done[job_id].value if job_id in plan.done else "to do"


def _span(sizes: list[int]) -> str:
    return str(sizes[0]) if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"


def _estimate(plan: Plan) -> str:
    if plan.estimate_seconds is None:
        return "time: unknown, nothing like it was trained here yet"
    return f"time: about {duration(plan.estimate_seconds)} of one worker, by the jobs finished here"
