"""`key=value` on the command line: replaces a key of a spec wherever it stands.

    beta=1                              one value
    latent_dim=2,10                     several; likelihood=choice(bernoulli,gaussian) is the same
    seed=range(0,3)                     as in a spec; so are linspace(a,b,n), logspace(a,b,n)
    model.hidden=[400,400]              a list as one value
    metrics=information,probe           what to measure
    run.timeout=60                      a limit of the run
    schedule={kind: linear, start: 0}   a mapping

The forms are Hydra's. A part that is given whole takes with it what reached inside the old one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from klsweep.errors import SpecError
from klsweep.spec import axes, blocks, keys, source
from klsweep.spec.axes import Axis
from klsweep.spec.blocks import RIVALS, Setting, SweepSpec, Zip
from klsweep.spec.grammar import BLOCKS, NAME_RULE, unsafe_name
from klsweep.spec.node import Key, Node, Place, dotted, key_of
from klsweep.spec.problems import Mistake

CALL = re.compile(r"(range|linspace|logspace|choice)\((.*)\)", re.DOTALL)
OPEN, CLOSE = "([{", ")]}"


@dataclass(frozen=True)
class Replacement:
    """A key and the values it has from now on."""

    key: Key
    values: tuple[Node, ...]
    axis: Axis | None
    place: Place

    @property
    def taken(self) -> frozenset[Key]:
        """The keys that go where this one comes: itself and its rivals."""
        rivals = [key for group in RIVALS if self.key in group for key in group]
        return frozenset({self.key, *rivals})

    @property
    def whole(self) -> bool:
        """Whether it replaces a whole part, so that what reached inside the old one goes too."""
        plain = [node.plain for node in self.values]
        return bool(keys.kinds(self.key)) and all(not isinstance(p, dict) or "kind" in p for p in plain)

    def covers(self, key: Key) -> bool:
        """Whether what the spec gives for a key goes."""
        return key in self.taken or (self.whole and key[: len(self.key)] == self.key)


def apply(spec: SweepSpec, arguments: Sequence[str]) -> tuple[SweepSpec, list[Mistake]]:
    """The spec under the arguments, and what is wrong with them."""
    mistakes: list[Mistake] = []
    found: list[Replacement] = []
    for number, argument in enumerate(arguments, start=1):
        place = Place(f"command line: {argument}", 0, number)
        text, equals, value = argument.partition("=")
        if not equals or not text.strip():
            how = "allowed: key=value, key=a,b,c, key=range(0,3)"
            mistakes.append(Mistake(place, f"{argument!r} is no key=value", how))
        elif text.strip() == "name":
            spec = _named(spec, value.strip(), place, mistakes)
        elif text.strip() == "metrics":
            spec = _measured(spec, value, place, mistakes)
        elif key_of(text.strip())[0] == "run":
            spec = _limited(spec, key_of(text.strip()), value, place, mistakes)
        else:
            found.extend(_replacements(key_of(text.strip()), value, place, mistakes))
    mistakes.extend(_twice(found))
    torn = dict(_torn_zips(spec, found))
    mistakes.extend(torn.values())
    for replacement in (each for each in found if each.key not in torn):
        spec = _replaced(spec, replacement, found)
    return spec, mistakes


def _named(spec: SweepSpec, name: str, place: Place, mistakes: list[Mistake]) -> SweepSpec:
    if better := unsafe_name(name):
        mistakes.append(
            Mistake(place, f"name: {name!r} cannot name a folder", NAME_RULE, f"write name={better}")
        )
    return replace(spec, name=Node(name, place, place))


def _measured(spec: SweepSpec, text: str, place: Place, mistakes: list[Mistake]) -> SweepSpec:
    """`metrics=probe`, `metrics=probe,mig` and `metrics=[probe, mig]` are each one list."""
    values = [_parsed(piece, "metrics", place, mistakes) for piece in split(text)]
    nodes = tuple(node for node in values if node is not None)
    alone = len(nodes) == 1 and nodes[0].items is not None
    return replace(spec, metrics=nodes[0] if alone else Node(nodes, place, place))


def _limited(spec: SweepSpec, key: Key, text: str, place: Place, mistakes: list[Mistake]) -> SweepSpec:
    """`run.timeout=60` beside what the spec says of other limits; `run={timeout: 60}` instead of it all."""
    node = _parsed(text, dotted(key), place, mistakes)
    if node is None:
        return spec
    for name in reversed(key[1:]):
        node = Node({name: node}, place, place)
    kept = (spec.run.mapping or {}) if spec.run and len(key) > 1 else {}
    return replace(spec, run=replace(node, value={**kept, **node.mapping}) if node.mapping else node)


def _replacements(key: Key, text: str, place: Place, mistakes: list[Mistake]) -> Iterator[Replacement]:
    if unknown := _unknown(key, place):
        mistakes.append(unknown)
        return
    before = len(mistakes)
    node = _value(key, text, place, mistakes)
    if len(mistakes) > before or node is None:
        return
    if axes.is_form(node) or node.items is not None:
        axis = axes.axis(key, node, mistakes)
        if axis is not None:
            yield Replacement(key, axis.values, axis if len(axis.values) > 1 else None, place)
        return
    assert node.mapping is not None
    for setting in blocks.flat(key, node.mapping["value"], written=key):
        yield Replacement(setting.key, (setting.node,), None, place)


def _unknown(key: Key, place: Place) -> Mistake | None:
    mistake = keys.unknown(key, place)
    if mistake is not None and key[0] in BLOCKS and len(key) > 1:
        return replace(mistake, fix=f"write {dotted(key[1:])}=..., the block follows from the values")
    return mistake


def _value(key: Key, text: str, place: Place, mistakes: list[Mistake]) -> Node | None:
    """A list of several values, a mapping that makes an axis, or {value: one value}."""
    call = CALL.fullmatch(text.strip())
    pieces = split(call[2] if call else text)
    values = [_parsed(piece, dotted(key), place, mistakes) for piece in pieces]
    nodes = tuple(node for node in values if node is not None)
    if len(nodes) < len(values):
        return None
    items = Node(nodes, place, place)
    if call and call[1] != "choice":
        numbers = (Node(0, place, place), *nodes) if call[1] == "range" and len(nodes) == 1 else nodes
        return Node({call[1]: Node(numbers, place, place)}, place, place)
    if len(nodes) > 1:
        return items
    return nodes[0] if axes.is_form(nodes[0]) else Node({"value": nodes[0]}, place, place)


def split(text: str) -> list[str]:
    """The pieces between commas that stand outside brackets and quotes."""
    pieces, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        depth += (letter in OPEN) - (letter in CLOSE) if not quote else 0
        if letter == "," and depth == 0 and not quote:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces


def _parsed(piece: str, key: str, place: Place, mistakes: list[Mistake]) -> Node | None:
    if not piece.strip():
        mistakes.append(Mistake(place, f"{key}: a value is missing", f"allowed: {key}=value, {key}=a,b,c"))
        return None
    try:
        node, found = source.parse_value(piece.strip(), place)
    except SpecError as error:
        mistakes.extend(Mistake(place, f"{key}: {p.what}", p.allowed, p.fix) for p in error.problems)
        return None
    mistakes.extend(found)
    return node


def _twice(found: Sequence[Replacement]) -> Iterator[Mistake]:
    seen: dict[Key, Place] = {}
    for each in found:
        if each.key in seen:
            yield Mistake(
                each.place, f"{dotted(each.key)} is given twice", f"and by {seen[each.key]}", "keep one"
            )
        seen.setdefault(each.key, each.place)


def _torn_zips(spec: SweepSpec, found: Sequence[Replacement]) -> Iterator[tuple[Key, Mistake]]:
    """A zip is replaced whole or not at all: its members belong together."""
    for each in spec.zips:
        hit = [
            replacement for replacement in found if any(replacement.covers(axis.key) for axis in each.axes)
        ]
        left = [axis.key for axis in each.axes if not any(r.covers(axis.key) for r in found)]
        if hit and left:
            names = ", ".join(dotted(key) for key in left)
            what = f"{dotted(hit[0].key)} runs side by side with {names} in zip {each.name}"
            mistake = Mistake(hit[0].place, what, "allowed: all of a zip or none", f"give {names} too")
            yield hit[0].key, mistake


def _replaced(spec: SweepSpec, new: Replacement, all_new: Sequence[Replacement]) -> SweepSpec:
    """The spec with one key replaced; an axis keeps its rank in the grid, a new one is the fastest."""
    others = {each.key for each in all_new} - {new.key}  # two rivals given at once are a mistake to be told

    def stays(key: Key) -> bool:
        return key in others or not new.covers(key)

    kept = tuple(each for each in spec.fixed if stays(each.key))
    written = next((each.written for each in spec.fixed if each.key == new.key), new.key)
    zips = tuple(each for each in spec.zips if not _gone(each, all_new))
    if new.axis is None:
        value = (Setting(new.key, new.values[0], written),)
        grid = tuple(axis for axis in spec.grid if stays(axis.key))
        return replace(spec, fixed=(*kept, *value), grid=grid, zips=zips)
    rank = next((rank for rank, axis in enumerate(spec.grid) if new.covers(axis.key)), len(spec.grid))
    before = [axis for axis in spec.grid[:rank] if stays(axis.key)]
    after = [axis for axis in spec.grid[rank:] if stays(axis.key)]
    return replace(spec, fixed=kept, grid=(*before, new.axis, *after), zips=zips)


def _gone(each: Zip, found: Sequence[Replacement]) -> bool:
    return all(any(replacement.covers(axis.key) for replacement in found) for axis in each.axes)
