"""The blocks of a spec: fixed, grid, zip, exclude, overrides, include, metrics, run; and the spec they make up.

Dotted and nested spellings are one: `train: {lr: 0.1}` sets what `train.lr: 0.1` sets. A mapping with `kind`
is a whole part and replaces what was there; a mapping without reaches inside.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from klsweep.spec import axes, keys
from klsweep.spec.axes import Axis
from klsweep.spec.node import Key, Node, Place, dotted, key_of
from klsweep.spec.problems import Mistake, given

RIVALS: tuple[tuple[Key, ...], ...] = (
    (("beta_norm",), ("beta",), ("weight",)),
    (("train", "epochs"), ("train", "steps")),
)
"""Keys of which a job has one: a later layer that gives one of them takes the others away."""


@dataclass(frozen=True)
class Setting:
    """One value for one key; `written` is the key of the entry it stands in, shorter where it was nested."""

    key: Key
    node: Node
    written: Key


@dataclass(frozen=True)
class Zip:
    """Axes of equal length that run side by side."""

    name: str
    axes: tuple[Axis, ...]
    place: Place


@dataclass(frozen=True)
class Rule:
    """A rule on the jobs that match `when`: `exclude` drops them (nothing to set), `overrides` changes them."""

    node: Node
    when: tuple[Setting, ...]
    change: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class Extra:
    """A whole extra job."""

    node: Node
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class SweepSpec:
    """What a spec says, spelling differences removed. The values of `unclear` fields could not be read."""

    place: Place
    name: Node | None = None
    fixed: tuple[Setting, ...] = ()
    grid: tuple[Axis, ...] = ()
    zips: tuple[Zip, ...] = ()
    exclude: tuple[Rule, ...] = ()
    overrides: tuple[Rule, ...] = ()
    include: tuple[Extra, ...] = ()
    metrics: Node | None = None
    run: Node | None = None
    unclear: frozenset[str] = field(default=frozenset())

    @property
    def dimensions(self) -> tuple[tuple[Axis, ...], ...]:
        """What the product runs over, slowest first: each grid axis by itself, then each zip."""
        return (*((axis,) for axis in self.grid), *(each.axes for each in self.zips))


@dataclass
class Reading:
    """What is found out while a spec is read: mistakes, and fields whose value is therefore not known."""

    mistakes: list[Mistake]
    unclear: set[str] = field(default_factory=set)

    def known(self, key: Key, place: Place) -> bool:
        """Whether there is such a key; if not, that is a mistake."""
        mistake = keys.unknown(key, place)
        if mistake is not None:
            self.mistakes.append(mistake)
            self.unclear.update({keys.meant(key)} - {None})  # type: ignore[arg-type]
        return mistake is None

    def entries(self, node: Node | None, name: str) -> dict[str, Node]:
        """The entries of a block that must be a mapping."""
        if node is None:
            return {}
        if not node.mapping:
            what = f"{name}: {given(node.plain)}"
            self.mistakes.append(Mistake(node.place, what, "allowed: a mapping", f"or leave {name} out"))
            self.unclear.update(keys.FIELDS if name in ("fixed", "grid", "zip") else ())
        return node.mapping or {}

    def items(self, node: Node | None, name: str) -> tuple[Node, ...]:
        """The items of a block that must be a list."""
        if node is None:
            return ()
        if not node.items:
            fix = f"put a dash before each entry, or leave {name} out"
            self.mistakes.append(Mistake(node.place, f"{name}: {given(node.plain)}", "allowed: a list", fix))
        return node.items or ()


def settings(node: Node | None, name: str, reading: Reading) -> tuple[Setting, ...]:
    """The settings of a block that gives one value to each key."""
    found: list[Setting] = []
    for text, entry in reading.entries(node, name).items():
        key = key_of(text)
        if reading.known(key, entry.key):
            found.extend(flat(key, entry, written=key))
    reading.mistakes.extend(_twice(found))
    return tuple(found)


def flat(key: Key, node: Node, *, written: Key) -> Iterator[Setting]:
    """One setting for each value inside; the kind of a part comes first, for it replaces the part."""
    if not node.mapping:
        yield Setting(key, node, written)
        return
    if "kind" in node.mapping:
        kind = node.mapping["kind"]
        yield Setting(key, Node({"kind": kind}, node.place, node.key), written)
    for name, inner in node.mapping.items():
        if name != "kind":
            yield from flat((*key, name), inner, written=written)


def grid(node: Node | None, name: str, reading: Reading) -> tuple[Axis, ...]:
    """The axes of a block."""
    found = list(_axes((), reading.entries(node, name), reading))
    reading.mistakes.extend(_twice(found))
    return tuple(found)


def _axes(prefix: Key, entries: dict[str, Node], reading: Reading) -> Iterator[Axis]:
    for text, entry in entries.items():
        key = (*prefix, *key_of(text))
        if not reading.known(key, entry.key):
            continue
        if entry.mapping and keys.classes(key) and not axes.is_form(entry):
            yield from _axes(key, entry.mapping, reading)
        elif axis := axes.axis(key, entry, reading.mistakes):
            yield axis
        else:
            reading.unclear.add(key[0])


def zips(node: Node | None, reading: Reading) -> tuple[Zip, ...]:
    """The named zips of a spec, each of equal lengths."""
    found = []
    for name, entry in reading.entries(node, "zip").items():
        if not entry.mapping:
            fix = "name the zip: zip: {pair: {likelihood: [...], train.lr: [...]}}"
            what = f"zip.{name}: {given(entry.plain)}"
            reading.mistakes.append(Mistake(entry.place, what, "allowed: a mapping of axes", fix))
            reading.unclear.update(keys.FIELDS if name not in keys.FIELDS else {name})
            continue
        members = grid(entry, f"zip.{name}", reading)
        lengths = {dotted(axis.key): len(axis.values) for axis in members}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{key} has {count}" for key, count in lengths.items())
            what = f"zip.{name}: the axes differ in length: {said}"
            reading.mistakes.append(
                Mistake(entry.key, what, "allowed: equal lengths", "use grid for all pairs")
            )
            reading.unclear.update(axis.key[0] for axis in members)
        elif members:
            found.append(Zip(name, members, entry.key))
    return tuple(found)


def _twice(found: Iterable[Setting | Axis]) -> Iterator[Mistake]:
    """A key that one block gives twice, dotted and nested."""
    first: dict[Key, Any] = {}
    for each in found:
        place = each.place if isinstance(each, Axis) else each.node.key
        if each.key in first:
            where = f"first on line {first[each.key].line}" if place.line else "it stands there twice"
            fix = "keep one; dotted and nested spellings are the same"
            yield Mistake(place, f"{dotted(each.key)} is given twice", where, fix)
        first.setdefault(each.key, place)
