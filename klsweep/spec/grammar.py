"""A spec as a document -> a `SweepSpec`: every block read, every mistake in it noted."""

import re

from klsweep.spec import blocks, conditions, keys
from klsweep.spec.blocks import Extra, Reading, Rule, Setting, SweepSpec
from klsweep.spec.node import Key, Node, Place, dotted, key_of
from klsweep.spec.problems import Mistake, allowed, did_you_mean, given, shown

VERSION = 1
BLOCKS = ("version", "name", "fixed", "grid", "zip", "exclude", "overrides", "include", "metrics", "run")
SAFE_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,100}")
NAME_RULE = "allowed: letters a-z, digits, . _ -, no dot in front, at most 100 characters"


def read(root: Node) -> tuple[SweepSpec, list[Mistake]]:
    """What a document says, and its mistakes; a spec with mistakes is only good for finding more."""
    reading = Reading([])
    if root.mapping is None:
        what = f"a spec is a mapping; {given(root.plain)}"
        mistake = Mistake(root.place, what, allowed(BLOCKS), "start from `version: 1`")
        return SweepSpec(root.place, unclear=frozenset(keys.FIELDS)), [mistake]
    found = root.mapping
    for name, node in found.items():
        if name not in BLOCKS:
            reading.mistakes.append(_unknown_block(name, node))
    _check_version(found.get("version"), reading)
    _check_name(found.get("name"), reading)
    spec = SweepSpec(
        place=root.place,
        name=found.get("name"),
        fixed=blocks.settings(found.get("fixed"), "fixed", reading),
        grid=blocks.grid(found.get("grid"), "grid", reading),
        zips=blocks.zips(found.get("zip"), reading),
        exclude=_excludes(found.get("exclude"), reading),
        overrides=_overrides(found.get("overrides"), reading),
        include=tuple(_include(node, reading) for node in reading.items(found.get("include"), "include")),
        metrics=found.get("metrics"),
        run=found.get("run"),
        unclear=frozenset(reading.unclear | _misplaced(root)),
    )
    return spec, reading.mistakes


def unsafe_name(name: str) -> str | None:
    """A name like it that can name a folder; None where it can itself."""
    if SAFE_NAME.fullmatch(name):
        return None
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:100] or "sweep"


def conflicts(spec: SweepSpec) -> list[Mistake]:
    """Keys that two blocks give, whole or inside a value of another axis."""
    found: list[Mistake] = []
    blocks_of: dict[Key, tuple[str, Place]] = {}
    for block, key, place in _entries(spec):
        if key in blocks_of and blocks_of[key][0] != block:
            other, first = blocks_of[key]
            where = f"and in {other}" + (f", line {first.line}" if first.line else "")
            what = f"{dotted(key)} is given in {block} {where}"
            found.append(Mistake(place, what, "allowed: one block", "remove one of the two"))
        blocks_of.setdefault(key, (block, place))
    written = {setting.key: setting.node.key for setting in spec.fixed if setting.key == setting.written}
    written |= {axis.key: axis.place for dimension in spec.dimensions for axis in dimension}
    return [*found, *(mistake for key, place in written.items() for mistake in _inside(key, place, spec))]


def _entries(spec: SweepSpec) -> list[tuple[str, Key, Place]]:
    fixed = {setting.written: setting.node.key for setting in reversed(spec.fixed)}
    found = [("fixed", key, place) for key, place in fixed.items()]
    found += [("grid", axis.key, axis.place) for axis in spec.grid]
    found += [(f"zip.{each.name}", axis.key, axis.place) for each in spec.zips for axis in each.axes]
    return sorted(found, key=lambda entry: entry[2].order)


def _inside(key: Key, place: Place, spec: SweepSpec) -> list[Mistake]:
    """A key that reaches into a value of an axis where the value gives that key itself."""
    found = []
    for axis in (axis for dimension in spec.dimensions for axis in dimension):
        rest = key[len(axis.key) :]
        if not rest or key[: len(axis.key)] != axis.key:
            continue
        for node in axis.values:
            inner, depth = node.find(rest)
            if depth == len(rest):
                line = f" on line {inner.key.line}" if inner.key.line else ""
                what = f"{dotted(key)} is also given inside a value of {dotted(axis.key)}{line}"
                found.append(Mistake(place, what, "allowed: one of the two", "remove one of the two"))
                break
    return found


def _unknown_block(name: str, node: Node) -> Mistake:
    if key_of(name)[0] in keys.FIELDS:
        fix = f"put {name} under fixed (one value) or grid (several)"
    else:
        fix = did_you_mean(name, BLOCKS)
    return Mistake(node.key, f"there is no block {name}", allowed(BLOCKS), fix)


def _misplaced(root: Node) -> set[str]:
    """Fields that may have been given in a block that could not be read."""
    unknown = [name for name in root.mapping or {} if name not in BLOCKS]
    fields = {key_of(name)[0] for name in unknown} & set(keys.FIELDS)
    return fields if len(fields) == len(unknown) else set(keys.FIELDS)


def _check_version(node: Node | None, reading: Reading) -> None:
    if node is not None and (node.value != VERSION or isinstance(node.value, bool)):
        what = f"version: {shown(node.plain)} is not known"
        reading.mistakes.append(Mistake(node.place, what, f"allowed: {VERSION}", f"write version: {VERSION}"))


def _check_name(node: Node | None, reading: Reading) -> None:
    if node is None:
        return
    if not isinstance(node.value, str):
        fix = f"write name: '{shown(node.plain)}'" if isinstance(node.value, int | float) else ""
        reading.mistakes.append(Mistake(node.place, f"name: {given(node.plain)}", "allowed: text", fix))
    elif better := unsafe_name(node.value):
        what = f"name: {node.value!r} cannot name a folder"
        reading.mistakes.append(Mistake(node.place, what, NAME_RULE, f"write name: {better}"))


def _excludes(block: Node | None, reading: Reading) -> tuple[Rule, ...]:
    found = [(node, _conditions(node, "exclude", reading)) for node in reading.items(block, "exclude")]
    return tuple(Rule(node, when) for node, when in found if when)


def _overrides(block: Node | None, reading: Reading) -> tuple[Rule, ...]:
    how = "allowed: {when: {...}, set: {...}}"
    rules = []
    for node in reading.items(block, "overrides"):
        parts = node.mapping or {}
        for name in parts:
            if name not in ("when", "set"):
                fix = did_you_mean(name, ("when", "set"))
                reading.mistakes.append(
                    Mistake(parts[name].key, f"overrides: there is no key {name}", how, fix)
                )
        for name in ("when", "set"):
            if name not in parts and set(parts) <= {"when", "set"}:
                reading.mistakes.append(Mistake(node.place, f"overrides: {name} is missing", how))
        if set(parts) == {"when", "set"}:
            when = _conditions(parts["when"], "when", reading)
            change = blocks.settings(parts["set"], "set", reading)
            rules += [Rule(node, when, change)] if when else []
    return tuple(rules)


def _include(node: Node, reading: Reading) -> Extra:
    return Extra(node, blocks.settings(node, "include", reading))


def _conditions(node: Node, name: str, reading: Reading) -> tuple[Setting, ...]:
    """The conditions of a rule; none where one of them cannot be read, for the others match too much."""
    before = len(reading.mistakes)
    found: list[Setting] = []
    for text, entry in reading.entries(node, name).items():
        key = key_of(text)
        for condition in blocks.flat(key, entry, written=key):
            mistake = keys.unknown(condition.key, condition.node.key)
            reading.mistakes.extend(
                [mistake] if mistake else conditions.unreadable(condition.key, condition.node)
            )
            if mistake is None:
                found.append(condition)
    return tuple(found) if len(reading.mistakes) == before else ()
