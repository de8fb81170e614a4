"""Where a result comes from, beside the job itself; and what a person should know of results of other code."""

import hashlib
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from klsweep.result import Scalar
from klsweep.store import Record
from klsweep.version import __version__

PACKAGE = Path(__file__).parents[1]
NUMBERS = ("data", "metrics", "train", "vae")
"""The floors on which a result's numbers depend."""


def provenance(spec: str) -> dict[str, Scalar]:
    """What is alike for every result of a run of this spec's text: version, host, code and spec."""
    return {
        "klsweep": __version__,
        "host": platform.node(),
        "code": code_fingerprint(),
        "spec": hashlib.sha256(spec.encode()).hexdigest()[:12],
    }


@cache
def code_fingerprint() -> str:
    """Twelve hex digits over the modules that make numbers: what a version cannot say of a changed checkout."""
    digest = hashlib.sha256()
    for path in sorted(path for floor in NUMBERS for path in (PACKAGE / floor).rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def other_code(records: Iterable[Record]) -> tuple[str, ...]:
    """A sentence for each other state of the code that made some of these results."""
    here = f"klsweep {__version__}, code {code_fingerprint()}"
    made_by = Counter(_code(record.provenance) for record in records)
    return tuple(
        f"{count} {'result was' if count == 1 else 'results were'} made by {code}, and this is {here}: they stay as "
        "they are; to have all from one state of the code, choose another place with --results DIR"
        for code, count in sorted(made_by.items())
        if code != here
    )


def _code(said: Mapping[str, Scalar]) -> str:
    return f"klsweep {said.get('klsweep', 'of an unknown version')}, code {said.get('code', 'unknown')}"
