"""What a run was to measure, what failed of it, and what nobody has measured since, in words."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from klsweep.result import PICTURES, UNMEASURED
from klsweep.store.records import Record


def unmeasured(records: Iterable[Record]) -> tuple[str, ...]:
    """A sentence for each metric and each reason, with the number of jobs; the commonest first."""
    counts = Counter(
        (kind, reason)
        for record in records
        for kind, reason in _reasons(str(record.provenance.get(UNMEASURED) or "{}")).items()
        if kind not in record.measures
    )
    return tuple(
        f"{kind} failed on {count} {'job' if count == 1 else 'jobs'}: {' '.join(reason.split())}"
        + ("" if kind == PICTURES else ": klsweep measure tries it again")
        for (kind, reason), count in counts.most_common()
    )


def _reasons(text: str) -> Mapping[str, str]:
    """Why each failed, by kind; a text of another form is a reason itself."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return {k: str(v) for k, v in found.items()} if isinstance(found, dict) else {"a metric": text}
