"""One HTML file: the verdict, charts and pictures under a slider over the weight, every run, and what was run."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib import resources
from typing import Any

import jinja2
import pandas as pd

from klsweep.reporting import settings
from klsweep.reporting.page import curves, jobs, rounds, strips
from klsweep.reporting.page.origin import origin
from klsweep.reporting.page.points import points
from klsweep.reporting.page.rounds import Kept
from klsweep.reporting.page.said import UNFOLDED, said
from klsweep.reporting.page.strips import Shared
from klsweep.reporting.verdict import Verdicts, shown
from klsweep.store import Store

LIMIT = 20_000_000
"""Bytes. Curves and pictures are kept while the page stays below it; its text and its runs are always there."""

CURVES = 4_000_000
"""Bytes of it that curves may take."""

WORDS = 2_000
"""Bytes kept free for what is said about the room there was."""

READ = {"curves": 2_000, "pictures": 300}
"""Jobs of which they are read at most, so that a page is made in seconds however large the sweep is."""

SCRIPTS = (
    "reading",
    "choice",
    "look",
    "charts",
    "learning",
    "pictures",
    "sentences",
    "runs",
    "job",
    "live",
    "start",
)
"""The page's own code, in the order in which it runs."""


def page(
    store: Store,
    runs: pd.DataFrame,
    summary: pd.DataFrame,
    verdicts: Verdicts,
    notes: Sequence[str] = (),
    *,
    reload: float | None = None,
) -> bytes:
    """The page of a sweep; the same store gives the same bytes. In a browser it loads itself anew every `reload` s."""
    found = points(runs, summary)
    turns = jobs.turns(runs)
    drawn = rounds.fill(
        turns,
        lambda job_id: curves.drawn(store.curve(job_id)),
        jobs.size_of_curve,
        room=CURVES,
        most=READ["curves"],
    )
    content = {
        "points": found,
        "runs": jobs.table(runs),
        "jobs": jobs.details(store, runs),
        "curves": jobs.curves(drawn),
        "pictures": jobs.pictures(Kept({}, 0, is_cut=False)),
    }
    context: dict[str, Any] = {
        "name": store.name,
        "style": _file("page.css"),
        "library": _library() if found["metrics"] else "",
        "code": _code(),
        "notes": [*notes, *shown.notes(verdicts)],
        "verdicts": said(verdicts, found["point"], settings.constant(summary)),
        "unfolded": UNFOLDED,
        "factors": found["factors"],
        "total": len(runs),
        "constant": settings.constant(summary),
        "origin": origin(store, runs),
        "left_out": [],
        "reload": reload,
    }
    pictured = rounds.fill(
        turns,
        lambda job_id: strips.strips(store.arrays(job_id)),
        partial(jobs.size_of_strips, shared=Shared()),
        room=LIMIT - WORDS - len(_rendered(context, content)),
        most=READ["pictures"],
    )
    content["pictures"] = jobs.pictures(pictured)
    context["left_out"] = [*_left_out("Learning curves", drawn), *_left_out("Pictures", pictured)]
    return _rendered(context, content)


def _rendered(context: Mapping[str, Any], content: Mapping[str, Any]) -> bytes:
    """Names from a spec come from `context`, escaped, or from `content`, JSON in which no `<` is left."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    template = environment.from_string(_file("template.html.j2"))
    hashes = [_hash(context[name]) for name in ("library", "code") if context[name]]
    return template.render(**context, content=content, hashes=hashes).encode(errors="replace")


def _left_out(what: str, kept: Kept[Any]) -> Iterator[str]:
    if kept.is_cut and kept.each:
        yield (
            f"{what} are here for {len(kept.each):,} of {kept.of:,} jobs, one seed of each setting before the others, "
            f"so that this page stays below {LIMIT // 1_000_000} MB and is quickly made. "
            "The directory of each job has its own."
        )


def _file(name: str) -> str:
    return (resources.files("klsweep.reporting.page") / name).read_text(encoding="utf-8")


def _code() -> str:
    """One function around all of it, so that it leaves nothing in the page's global scope."""
    parts = "\n".join(_file(f"{name}.js") for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def _library() -> str:
    """plotly.js as its package ships it, with its notice; what would end or open a script element is escaped."""
    from plotly.offline import get_plotlyjs  # not quick to import, and a sweep without results needs none

    text = str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"<(?=/script|script|!--)", r"\\x3C", text, flags=re.IGNORECASE)


def _hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
