"""The runs and what is known of each job, in the order of the runs, for the page's code to read."""

import json
from typing import Any

import pandas as pd

from klsweep.reporting import settings, stats
from klsweep.reporting.page import columns, rounds
from klsweep.reporting.page.curves import NAMES, Drawn
from klsweep.reporting.page.points import LABELS
from klsweep.reporting.page.rounds import Kept
from klsweep.reporting.page.strips import Shared, Strips
from klsweep.reporting.spoken import Spoken
from klsweep.result import Status
from klsweep.store import Store

ERROR = 6_000  # characters of an error: its beginning and its end; result.json has it all
ENTRY = 60  # bytes of JSON around a curve or a strip


def table(runs: pd.DataFrame) -> dict[str, Any]:
    """All columns, and the names of those that are shown at first."""
    names = [
        "job_id",
        "status",
        *settings.varying(runs),
        "seed",
        "beta_norm",
        "beta",
        "weight",
        *LABELS,
        "train_seconds",
    ]
    known = [name for name in names if name in runs and runs[name].notna().any()]
    return {
        "columns": [columns.column(runs[name]) for name in runs.columns],
        "shown": list(dict.fromkeys(known)),
    }


def details(store: Store, runs: pd.DataFrame) -> dict[str, Any]:
    """Of each job its settings, where it came from, and its error."""
    records = {each.job_id: each for each in store.records()}
    ordered = [records[job_id] for job_id in runs["job_id"]]
    return {
        "config": columns.mappings([each.job for each in ordered]),
        "provenance": columns.mappings([each.provenance for each in ordered]),
        "errors": columns.texts(_short(each.error) or None for each in ordered),
    }


def turns(runs: pd.DataFrame) -> list[list[str]]:
    """The jobs that may have curves and pictures, one of each setting first."""
    trained = runs[runs["status"].isin([str(Status.OK), str(Status.DIVERGED)])]
    setting = stats.settings_of(runs)[trained.index]
    return rounds.rounds(trained["job_id"].tolist(), setting.tolist())


def curves(kept: Kept[Drawn]) -> dict[str, Any]:
    """`jobs` has values and number of epochs by job."""
    return {
        "names": NAMES,
        "jobs": {job_id: [one.values, one.epochs] for job_id, one in sorted(kept.each.items())},
    }


def pictures(kept: Kept[Strips]) -> dict[str, Any]:
    """`pngs`, and for each job its strips: place among the PNGs, pictures across and down."""
    shared = Shared()
    jobs = {}
    for job_id, one in sorted(kept.each.items()):
        strips = {
            name: [shared.place(strip.png), strip.across, strip.down] for name, strip in one.each.items()
        }
        jobs[job_id] = {"strips": strips, "latents": one.latents, "sentences": _sentences(one.sentences)}
    return {"pngs": shared.pngs, "jobs": jobs}


def size_of_curve(one: Drawn) -> int:
    """Bytes in the page."""
    return len(one.values) + ENTRY


def size_of_strips(one: Strips, shared: Shared) -> int:
    """Bytes in the page beside those of PNGs that are there already."""
    spoken = len(json.dumps(_sentences(one.sentences)))
    new = [strip.png for strip in one.each.values() if strip.png not in shared.places]
    for png in new:
        shared.place(png)
    return sum(map(len, new)) + spoken + ENTRY * (len(one.each) + 1)


def _sentences(one: Spoken | None) -> dict[str, Any] | None:
    """`pairs` of a sentence and its reconstruction, `samples`, and `ways` between two sentences."""
    return None if one is None else {"pairs": one.pairs, "samples": one.samples, "ways": one.ways}


def _short(error: str) -> str:
    if len(error) <= ERROR:
        return error
    half = ERROR // 2
    return f"{error[:half]}\n[... {len(error) - ERROR} characters left out ...]\n{error[-half:]}"
