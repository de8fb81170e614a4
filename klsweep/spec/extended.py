"""A spec with more values on some of its axes: what it had stays, so finished jobs stay finished."""

import json
from collections.abc import Mapping, Sequence

from klsweep.errors import SpecError
from klsweep.spec import command_line, expand, grammar, source, writing
from klsweep.spec.blocks import RIVALS, SweepSpec
from klsweep.spec.job import Job
from klsweep.spec.node import Key, Place, dotted, key_of
from klsweep.spec.problems import Mistake, causes_only, ordered

Number = int | float


def extended(text: str, more: Mapping[str, Sequence[Number]], *, name: str) -> str:
    """The spec `text` with the values `more` of each key added to those it has, smallest first, as YAML.

    A key under `fixed` becomes an axis. `SpecError` where a key is not there to be extended: it runs side by side
    with others in a zip, or a rival (`beta` for `beta_norm`) or a rule gives it; or there would be too many jobs.
    """
    root, mistakes = source.parse(text, name)
    spec, wrong = grammar.read(root)
    arguments = []
    lengths = {axes[0].key: len(axes[0].values) for axes in spec.dimensions}
    for key, values in more.items():
        old = _values(spec, key_of(key))
        if old is None:
            wrong.append(_elsewhere(spec, key, name, values))
        else:
            every = sorted({*old, *values})
            lengths[key_of(key)] = len(every)
            arguments.append(f"{key}={','.join(json.dumps(value) for value in every)}")
    if excess := expand.too_many(lengths.values()):
        raise SpecError(ordered([Mistake(spec.place, *excess)]))
    spec, torn = command_line.apply(spec, arguments)
    if found := causes_only(mistakes, wrong, torn):
        raise SpecError(ordered(found))
    return writing.text(spec, name=str(spec.name.value) if spec.name else name)


def _values(spec: SweepSpec, key: Key) -> list[Number] | None:
    """The values of a key in grid or fixed, or its default; None where they stand elsewhere."""
    for axis in spec.grid:
        if axis.key == key:
            return [value for value in (node.plain for node in axis.values) if isinstance(value, int | float)]
    for setting in spec.fixed:
        if setting.key == key and isinstance(setting.node.plain, int | float):
            return [setting.node.plain]
    default = Job.model_fields[key[0]].default if len(key) == 1 else None
    taken = {axis.key for each in spec.zips for axis in each.axes}
    rivals = {other for group in RIVALS if key in group for other in group}
    if isinstance(default, int) and not taken & {key, *rivals}:
        return [default]
    return None


def _elsewhere(spec: SweepSpec, key: str, name: str, values: Sequence[Number]) -> Mistake:
    zips = [each.name for each in spec.zips if key_of(key) in {axis.key for axis in each.axes}]
    where = f"in zip {zips[0]}" if zips else "neither in grid nor in fixed"
    what = f"{dotted(key_of(key))} stands {where}, so its axis cannot be made longer by itself"
    fix = f"add by hand: {', '.join(json.dumps(value) for value in values)}"
    return Mistake(Place(name), what, "allowed: a key in grid or fixed", fix)
