"""A spec as YAML again: as run, the command line's values in their places."""

import io
from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML

from klsweep.spec.blocks import Setting, SweepSpec
from klsweep.spec.grammar import VERSION
from klsweep.spec.node import dotted

WIDTH = 110  # columns; as the code


def text(spec: SweepSpec, *, name: str) -> str:
    """The spec as YAML; reading it gives the same jobs."""
    blocks = {
        "fixed": _fixed(spec.fixed),
        "grid": {dotted(axis.key): axis.written for axis in spec.grid},
        "zip": {each.name: {dotted(axis.key): axis.written for axis in each.axes} for each in spec.zips},
        "exclude": [rule.node.plain for rule in spec.exclude],
        "overrides": [rule.node.plain for rule in spec.overrides],
        "include": [extra.node.plain for extra in spec.include],
    }
    given = {block: value for block, value in blocks.items() if value}
    if spec.metrics is not None:
        given["metrics"] = spec.metrics.plain
    if spec.run is not None:
        given["run"] = spec.run.plain
    stream = io.StringIO()
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.sort_base_mapping_type_on_output = None, WIDTH, False
    yaml.dump({"version": VERSION, "name": name, **given}, stream)
    return stream.getvalue()


def _fixed(settings: Iterable[Setting]) -> dict[str, Any]:
    """Each entry as it was written: what stood inside a mapping stands inside it again."""
    entries: dict[str, Any] = {}
    for setting in settings:
        entry, rest = dotted(setting.written), setting.key[len(setting.written) :]
        if not rest:
            plain = setting.node.plain
            inner = entries.get(entry)
            entries[entry] = (
                {**plain, **inner} if isinstance(plain, dict) and isinstance(inner, dict) else plain
            )
            continue
        target = entries.setdefault(entry, {})
        if isinstance(target, str):  # `dataset=digits` put a kind alone where a mapping was
            target = entries[entry] = {"kind": target}
        for name in rest[:-1]:
            target = target.setdefault(name, {})
        _set(target, rest[-1], setting.node.plain)
    return entries


def _set(target: dict[str, Any], name: str, plain: Any) -> None:
    """A part's kind comes as a mapping, and its other settings one by one."""
    old = target.get(name)
    target[name] = {**plain, **old} if isinstance(plain, dict) and isinstance(old, dict) else plain
