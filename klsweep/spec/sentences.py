"""What pydantic says of a value, in the user's own terms."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from klsweep.spec import keys
from klsweep.spec.node import Key, Place, dotted
from klsweep.spec.problems import Mistake, allowed, did_you_mean, given, shown
from klsweep.spec.source import FLOAT

Path: TypeAlias = tuple[str | int, ...]
Locate: TypeAlias = Callable[[Path, bool], Place]
"""The place of the value at a path, or (if True) of the key before it."""

OUT_OF_RANGE = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
NOT_SETTINGS = {"model_type", "model_attributes_type", "dict_type", "union_tag_not_found"}


def mistake(error: Mapping[str, Any], raw: Any, locate: Locate) -> Mistake:
    """One error of pydantic's on one field; `raw` is {field: value} as it was validated."""
    path = _path(error["loc"], raw)
    kind, key = error["type"], tuple(str(step) for step in path if isinstance(step, str))
    if kind == "value_error":
        return _rule_broken(error, raw, path=path, locate=locate)
    if kind == "extra_forbidden":
        return _no_such_setting(key, raw, place=locate(path, True))
    if kind == "missing":
        options = keys.values(key, _kind(raw, key[:-1]))
        fix = f"add {key[-1]}" if len(key) > 1 else f"add {key[-1]} to fixed"
        return Mistake(locate(path[:-1], False), f"{dotted(key)} is missing", _allowed(options), fix)
    if kind == "union_tag_invalid":
        return _no_such_kind(key, error["ctx"]["tag"], place=locate((*path, "kind"), False))
    place = locate(path, False)
    if kind in NOT_SETTINGS:
        how = ", ".join(keys.kinds(key))
        what = f"{dotted(key)}: {given(error['input'])}" if kind != "union_tag_not_found" else _no_kind(key)
        return Mistake(
            place, what, f"allowed: {how}, or a mapping with kind" if how else "allowed: a mapping"
        )
    options = keys.values(key, _kind(raw, key[:-1]), item=isinstance(path[-1], int))
    return _wrong_value(error, key, options=options, place=place)


def _wrong_value(error: Mapping[str, Any], key: Key, *, options: str, place: Place) -> Mistake:
    value = error["input"]
    if error["type"] in OUT_OF_RANGE:
        what = f"{shown(value)} is out of range"
    elif error["type"] == "int_type" and isinstance(value, float):
        what = f"{shown(value)} is not a whole number"
    else:
        what = given(value)
        if error["type"] in ("literal_error", "enum") and isinstance(value, str):
            what = f"{value!r} is not known"
    return Mistake(place, f"{dotted(key)}: {what}", _allowed(options), _fix(value, key, options))


def _fix(value: Any, key: Key, options: str) -> str:
    if isinstance(value, str):
        if FLOAT.fullmatch(value) and "number" in options:
            return f"write {value} without quotes"
        return did_you_mean(value, options.removeprefix("one of ").split(", "))
    if isinstance(value, float) and value.is_integer() and "whole" in options:
        return f"write {int(value)}"
    if isinstance(value, list | dict) and not options.startswith(("a list", "a mapping")):
        return f"for several values, put {dotted(key)} under grid (key=a,b on the command line)"
    return ""


def _no_such_setting(key: Key, raw: Any, *, place: Place) -> Mistake:
    owner, name = key[:-1], key[-1]
    kind = _kind(raw, owner)
    cls = keys.settings_at(owner, kind)
    options = [each for each in cls.model_fields if each != "kind"] if cls else []
    elsewhere = keys.with_setting(owner, name)
    fix = did_you_mean(name, options) or (f"{' and '.join(elsewhere)} have it" if elsewhere else "")
    fix = fix.replace(" have it", " has it") if len(elsewhere) == 1 else fix
    whose = f"{dotted(owner).removesuffix('s')} {kind}" if isinstance(kind, str) else dotted(owner)
    how = allowed(options) or "allowed: none, it has no settings"
    return Mistake(place, f"{dotted(key)}: {whose} has no setting {name}", how, fix)


def _no_such_kind(key: Key, tag: Any, *, place: Place) -> Mistake:
    options = list(keys.kinds(key))
    return Mistake(
        place,
        f"{dotted(key)}: there is no {key[-1].removesuffix('s')} {tag}",
        allowed(options),
        did_you_mean(str(tag), options),
    )


def _no_kind(key: Key) -> str:
    return f"{dotted(key)}: the mapping does not say its kind"


def _rule_broken(error: Mapping[str, Any], raw: Any, *, path: Path, locate: Locate) -> Mistake:
    """A rule between settings; it stands at the last of the settings it names."""
    message = str(error["msg"]).removeprefix("Value error, ").strip()
    value = _at(raw, path)
    named = [word for word in re.findall(r"\w+", message) if isinstance(value, dict) and word in value]
    places = [locate((*path, name), True) for name in named]
    place = max(places, key=lambda each: each.order) if places else locate(path, False)
    label = dotted(tuple(str(step) for step in path))
    return Mistake(place, f"{label}: {message}" if label else message)


def _path(loc: Path, raw: Any) -> Path:
    """pydantic's location without the kinds it puts into it."""
    path: Path = ()
    value, tagged = raw, False
    for index, step in enumerate(loc):
        is_kind = isinstance(value, dict) and value.get("kind") == step and not tagged
        if (is_kind and step not in value) or (is_kind and index + 1 < len(loc)):
            tagged = True
            continue
        if isinstance(value, dict) and step not in value and index + 1 < len(loc):
            continue  # the name of a union's branch
        path, value, tagged = (*path, step), _step(value, step), False
    return path


def _kind(raw: Any, key: Key) -> Any:
    value = _at(raw, key)
    if isinstance(value, dict):
        return value.get("kind")
    return value if isinstance(value, str) else None


def _at(raw: Any, path: Path) -> Any:
    for step in path:
        raw = _step(raw, step)
    return raw


def _step(value: Any, step: str | int) -> Any:
    if isinstance(value, str) and step == "kind":
        return value
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _allowed(options: str) -> str:
    return f"allowed: {options}" if options else ""
