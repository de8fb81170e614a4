"""The keys of a job: which exist, what stands inside them, and what values they take, in words."""

from functools import cache
from typing import Any, get_args

from klsweep.part import Part, Settings, kind_of
from klsweep.spec.job import Beside, Job
from klsweep.spec.node import Key, Place, dotted
from klsweep.spec.problems import Mistake, allowed, close

FIELDS = tuple(Job.model_fields)
"""The top-level axes, in the order of the job's fields."""


NAMING = {"title", "description", "default"}  # what a schema of any value at all may still have
WIDE = 2**53  # bounds from here on are powers of two, those of the computer


@cache
def classes(key: Key) -> tuple[type[Settings], ...]:
    """The settings that may stand at a key: one class for each kind, none where it holds a plain value."""
    found: tuple[type[Settings], ...] = (Beside,) if key and key[0] in Beside.model_fields else (Job,)
    for name in key:
        inner = [_classes(each.model_fields[name].annotation) for each in found if name in each.model_fields]
        found = tuple(dict.fromkeys(each for group in inner for each in group))
    return found


@cache
def names(key: Key) -> tuple[str, ...]:
    """Every setting that some kind has at a key."""
    return tuple(dict.fromkeys(name for each in classes(key) for name in each.model_fields))


def kinds(key: Key) -> dict[str, type[Settings]]:
    """The kinds of the family at a key, by name; empty where there is no family."""
    return {kind_of(each): each for each in classes(key) if issubclass(each, Part)}


def settings_at(key: Key, kind: Any) -> type[Settings] | None:
    """The class of the settings at a key, of that kind where there are several."""
    if named := kinds(key):
        return named.get(kind) if isinstance(kind, str) else None
    return next(iter(classes(key)), None)


def with_setting(key: Key, name: str) -> list[str]:
    """The kinds at a key that have such a setting."""
    return [kind for kind, each in kinds(key).items() if name in each.model_fields]


def unknown(key: Key, place: Place) -> Mistake | None:
    """What is wrong with a key that names no setting of any kind; None for a good one."""
    for depth, name in enumerate(key):
        known = names(key[:depth])
        if known and name not in known:
            return _unknown(key, depth, place)
        if not known:
            return None if _is_open(key[:depth]) else _no_inside(key[:depth], place)
    return None


def meant(key: Key) -> str | None:
    """The top-level field that an unknown key probably meant."""
    if key[0] in FIELDS:
        return key[0]
    inner = _inner(key[0])
    return close(key[0], FIELDS) or (inner[0] if inner else None)


def values(key: Key, kind: Any = None, *, item: bool = False) -> str:
    """The values a setting takes, in words: `a number > 0`; `kind` is that of the part it belongs to.

    With `item`, the values of one item of its list.
    """
    owner = settings_at(key[:-1], kind)
    if owner is None or key[-1] not in owner.model_fields:
        return ""
    if inside := kinds(key):
        return f"one of {', '.join(inside)}, or a mapping with `kind`"
    schema = _schema(owner)["properties"][key[-1]]
    schema = schema.get("items", schema) if item else schema
    return words(schema, _schema(owner).get("$defs", {}))


def words(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A JSON Schema of one value, in words."""
    if "$ref" in schema:
        return words(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        options = [each for each in schema["anyOf"] if each != {"type": "null"}]
        return " or ".join(words(each, definitions) for each in options)
    if "enum" in schema or "const" in schema:
        options = schema.get("enum", [schema.get("const")])
        return f"one of {', '.join(map(str, options))}" if len(options) > 1 else str(options[0])
    if schema.get("type") == "array":
        return f"a list of {_plural(words(schema.get('items', {}), definitions))}"
    nouns = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}
    noun = {**nouns, "null": "null", "object": "a mapping"}.get(schema.get("type", ""), "a value")
    return f"{noun}{_bounds(schema)}"


def _plural(noun: str) -> str:
    return noun.replace("a whole number", "whole numbers").replace("a number", "numbers")


def _bounds(schema: dict[str, Any]) -> str:
    signs = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    limits = [f"{sign} {_bound(schema[name])}" for name, sign in signs.items() if name in schema]
    return f" {' and '.join(limits)}" if limits else ""


def _bound(value: float) -> str:
    """A bound that is the computer's, not the setting's, as the power of two it is."""
    return f"2^{int(value).bit_length() - 1}" if value >= WIDE else f"{value:g}"


@cache
def _schema(owner: type[Settings]) -> dict[str, Any]:
    return owner.model_json_schema()


def _classes(annotation: Any) -> tuple[type[Settings], ...]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return (annotation,)
    return tuple(found for argument in get_args(annotation) for found in _classes(argument))


def _is_open(key: Key) -> bool:
    """Whether a plain value may hold any keys, as the arguments of a model of one's own do."""
    owners = [each for each in classes(key[:-1]) if key[-1] in each.model_fields] if key else []
    found = [_schema(each)["properties"][key[-1]] for each in owners]
    shapes = [shape for each in found for shape in each.get("anyOf", [each])]
    return not owners or any(shape.get("type") == "object" or not shape.keys() - NAMING for shape in shapes)


def _no_inside(key: Key, place: Place) -> Mistake:
    return Mistake(place, f"{dotted(key)} has no settings inside", fix=f"write {dotted(key)} and its value")


def _unknown(key: Key, depth: int, place: Place) -> Mistake:
    name, owner = key[depth], key[:depth]
    what = f"there is no setting {dotted(key)}" if depth else f"there is no key {name}"
    near = close(name, names(owner))
    if near:
        fix = f"did you mean {dotted((*owner, near, *key[depth + 1 :]))}?"
    elif inner := _inner(name):
        fix = f"did you mean {' or '.join(f'{field}.{name}' for field in inner)}?"
    else:
        fix = ""
    return Mistake(place, what, allowed(names(owner)), fix)


def _inner(name: str) -> list[str]:
    """The top-level fields inside of which there is such a setting: `lr` is in `train`."""
    return [field for field in FIELDS if name != "kind" and name in names((field,))]
