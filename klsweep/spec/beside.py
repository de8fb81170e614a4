"""What a spec says beside its jobs, so that it enters no job's id: the metrics to measure, the limits of a run."""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from klsweep.metrics import DEFAULT, Metric
from klsweep.part import kind_of
from klsweep.spec import sentences
from klsweep.spec.job import RunLimits
from klsweep.spec.node import Node, Place
from klsweep.spec.problems import Mistake, given

FIELDS: dict[str, Any] = {"metrics": Metric, "run": RunLimits}
"""What one item of each block is."""


def metrics(node: Node | None) -> tuple[tuple[Metric, ...], list[Mistake]]:
    """The metrics that a spec asks for, the default ones where it says nothing, and the mistakes in them."""
    if node is None:
        return DEFAULT, []
    if node.items is None and not isinstance(node.value, str) and not node.mapping:
        fix = "write metrics: [...], or leave metrics out"
        return (), [Mistake(node.place, f"metrics: {given(node.plain)}", "allowed: a list", fix)]
    found: list[Metric] = []
    mistakes: list[Mistake] = []
    for item in node.items if node.items is not None else (node,):
        metric = _one(item, mistakes)
        if metric is None:
            continue
        if any(type(metric) is type(other) for other in found):
            what = f"metrics: {kind_of(type(metric))} is given twice"
            mistakes.append(Mistake(item.place, what, "allowed: each metric once", "keep one"))
        else:
            mistakes.extend(_not_installed(metric, item.place))
            found.append(metric)
    return tuple(found), mistakes


def limits(node: Node | None) -> tuple[RunLimits, list[Mistake]]:
    """The limits that a spec sets, the default ones where it says nothing, and the mistakes in them."""
    mistakes: list[Mistake] = []
    found = None if node is None else _read("run", node.plain, node, mistakes)
    return found or RunLimits(), mistakes


def _one(node: Node, mistakes: list[Mistake]) -> Metric | None:
    plain: Any = {"kind": node.value} if isinstance(node.value, str) else node.plain
    found: Metric | None = _read("metrics", plain, node, mistakes)
    return found


def _read(field: str, plain: Any, node: Node, mistakes: list[Mistake]) -> Any:
    """The value of a field; None where `mistakes` say what is wrong with it."""
    try:
        return TypeAdapter(FIELDS[field]).validate_python(plain)
    except ValidationError as error:
        wrong = error.errors(include_url=False)

    def locate(path: sentences.Path, of_key: bool) -> Place:
        return _place(node, path, of_key)

    placed = ({**each, "loc": (field, *each["loc"])} for each in wrong)
    mistakes.extend(sentences.mistake(each, {field: plain}, locate) for each in placed)
    return None


def _place(node: Node, path: sentences.Path, of_key: bool) -> Place:
    inner, _ = node.find(path[1:])
    return inner.key if of_key else inner.place


def _not_installed(metric: Metric, place: Place) -> Iterator[Mistake]:
    """A metric of an extra that is not installed."""
    missing = metric.missing_modules()
    if missing:
        what = f"metrics: {kind_of(type(metric))} needs {' and '.join(missing)}, which is not installed"
        yield Mistake(place, what, fix=f"pip install 'klsweep[{metric.extra}]'")
