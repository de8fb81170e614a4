"""The JSON Schema (draft 2020-12) of a spec, for editors: completion, descriptions, ranges.

It is made from `Job` and the grammar, so it knows what the parts know. It accepts every good spec; rules
between keys (one weight, equal lengths) are left to the reader, whose sentences are better.
"""

from functools import cache
from typing import Any, TypeAlias

from pydantic.json_schema import models_json_schema

from klsweep.part import Settings
from klsweep.spec import keys
from klsweep.spec.grammar import SAFE_NAME, VERSION
from klsweep.spec.job import Beside
from klsweep.spec.node import Key, dotted

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema: TypeAlias = dict[str, Any]
ANYTHING: Schema = {}


def schema() -> Schema:
    """The schema of a whole spec."""
    settings, grid = _entries(_value), {**_entries(_axis), **_nested()}
    metric = _property(Beside, "metrics")
    when = _block(dict.fromkeys(settings, ANYTHING))
    rule: Schema = {"type": "object", "properties": {"when": when, "set": _ref("settings")}}
    return {
        "$schema": DRAFT,
        "title": "a klsweep spec",
        "type": "object",
        "properties": {
            "version": {"const": VERSION},
            "name": {"type": "string", "pattern": f"^{SAFE_NAME.pattern}$"},
            "fixed": {**_ref("settings"), "description": "one value each; a list here is a list value"},
            "grid": {**_ref("axes"), "description": "every combination; the first key is the slowest"},
            "zip": {
                "type": "object",
                "additionalProperties": _ref("axes"),
                "description": "named; the axes of one zip run side by side",
            },
            "exclude": {"type": "array", "minItems": 1, "items": when},
            "overrides": {
                "type": "array",
                "minItems": 1,
                "items": {**rule, "required": ["when", "set"], "additionalProperties": False},
            },
            "include": {"type": "array", "minItems": 1, "items": _ref("settings")},
            "metrics": {"anyOf": [{"type": "array", "items": metric}, metric]},
            "run": _property(Beside, "run"),
        },
        "additionalProperties": False,
        "$defs": {**_any_of(_definitions()[1]), "settings": _block(settings), "axes": _block(grid)},
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _block(properties: Schema) -> Schema:
    """A mapping with these keys, or keys further inside of those that are open (`model.args.width`)."""
    patterns = {f"^{field}\\..+\\..+$": ANYTHING for field in keys.FIELDS if keys.names((field,))}
    block: Schema = {"type": "object", "minProperties": 1, "properties": properties}
    return {**block, "patternProperties": patterns, "additionalProperties": False}


def _entries(make: Any) -> Schema:
    """Every key, by itself and dotted."""
    found = [(field,) for field in keys.FIELDS]
    inner = [(field, name) for field in keys.FIELDS for name in keys.names((field,))]
    return {dotted(key): make(key) for key in (*found, *inner)}


def _nested() -> Schema:
    """The axes whose key may also be spelled by nesting."""
    inside = {field: keys.names((field,)) for field in keys.FIELDS if keys.names((field,))}
    return {
        field: {
            "anyOf": [
                _axis((field,)),
                {
                    "type": "object",
                    "properties": {name: _axis((field, name)) for name in names},
                    "additionalProperties": False,
                },
            ]
        }
        for field, names in inside.items()
    }


def _value(key: Key) -> Schema:
    """A value of a key: that of any kind that has it; a whole part may also be reached into."""
    found = [_property(owner, key[-1]) for owner in keys.classes(key[:-1]) if key[-1] in owner.model_fields]
    options = [each for index, each in enumerate(found) if each not in found[:index]]
    if names := keys.names(key):
        partial = {"type": "object", "properties": {name: _value((*key, name)) for name in names}}
        options.append({**partial, "not": {"required": ["kind"]}, "additionalProperties": ANYTHING})
    return options[0] if len(options) == 1 else {"anyOf": options}


def _property(owner: type[Settings], name: str) -> Schema:
    references, definitions = _definitions()
    made: Schema = definitions[references[owner]]["properties"][name]
    return {key: _any_of(inner) for key, inner in made.items() if key != "title"}


def _axis(key: Key) -> Schema:
    """Every way to write an axis: a list, or a mapping that says how to make one."""
    values: Schema = {"type": "array", "minItems": 1, "items": _value(key)}
    forms: list[Schema] = [values, _form("values", values)]
    if _numeric(_value(key)):
        count: Schema = {"type": "integer", "minimum": 1}
        number: Schema = {"type": "number"}
        ends: Schema = {"type": "array", "prefixItems": [number, number, count], "minItems": 3, "maxItems": 3}
        steps: Schema = {"type": "array", "items": number, "minItems": 2, "maxItems": 3}
        forms += [_form("range", steps), _form("linspace", ends), _form("logspace", ends)]
    return {"anyOf": forms}


def _form(name: str, inner: Schema) -> Schema:
    return {"type": "object", "properties": {name: inner}, "required": [name], "additionalProperties": False}


def _numeric(value: Schema) -> bool:
    options = value.get("anyOf", [value])
    return any(each.get("type") in ("integer", "number") for each in options) or value == ANYTHING


@cache
def _definitions() -> tuple[dict[type[Settings], str], Schema]:
    """The name of each class of settings among the definitions, and the definitions."""
    inner = [(field, name) for field in keys.FIELDS for name in keys.names((field,))]
    places: list[Key] = [(), *((field,) for field in keys.FIELDS), *inner]
    inside = (each for key in places for each in keys.classes(key))
    classes: dict[type[Settings], None] = dict.fromkeys([*inside, Beside])
    made, top = models_json_schema([(each, "validation") for each in classes])
    names = {each: made[each, "validation"]["$ref"].rsplit("/", 1)[1] for each in classes}
    return names, top["$defs"]


def _any_of(value: Any) -> Any:
    """`anyOf` for `oneOf`: kinds overlap where `kind` is left out, and there `oneOf` fails."""
    if isinstance(value, dict):
        return {"anyOf" if key == "oneOf" else key: _any_of(inner) for key, inner in value.items()}
    return [_any_of(item) for item in value] if isinstance(value, list) else value
