"""Drafts of jobs: for each field, the settings that apply to it and the value they make.

Fields are resolved one by one and shared between drafts, so each value of an axis is validated once and a
sweep of ten thousand jobs costs little more than its axes.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError, create_model

from klsweep.errors import DataError
from klsweep.part import Part, Settings, kind_of
from klsweep.spec import keys, sentences
from klsweep.spec.axes import Axis
from klsweep.spec.blocks import RIVALS, Setting, SweepSpec
from klsweep.spec.conditions import UNKNOWN
from klsweep.spec.job import Job
from klsweep.spec.node import Key, Place
from klsweep.spec.problems import Mistake

Layers: TypeAlias = tuple[tuple[Setting, ...], ...]


@dataclass(frozen=True, eq=False)
class State:
    """One field of a draft: its settings, layer on layer, and the value they make, or the mistakes in them."""

    layers: Layers
    value: Any
    mistakes: tuple[Mistake, ...] = ()

    @property
    def given(self) -> bool:
        """Whether a value is set, be it one that cannot be read."""
        return self.value is not None


Draft: TypeAlias = dict[str, State]


def base(spec: SweepSpec) -> Draft:
    """The draft of what is fixed, defaults for the rest."""
    return next(product(replace(spec, grid=(), zips=())))


def product(spec: SweepSpec) -> Iterator[Draft]:
    """One draft for each point of the product, the first dimension slowest."""
    dimensions = spec.dimensions
    fields = {name: _Field(name, spec) for name in keys.FIELDS}
    still = {name: field.at(()) for name, field in fields.items() if not field.axes}
    moving = {name: field for name, field in fields.items() if field.axes}
    for point in itertools.product(*(range(len(axes[0].values)) for axes in dimensions)):
        yield {**still, **{name: field.at(point) for name, field in moving.items()}}


def changed(draft: Draft, settings: Sequence[Setting], memo: dict[tuple[int, str], State]) -> Draft:
    """A draft with one more layer; `memo` keeps the states of this layer, by the state below them."""
    new = dict(draft)
    for name in dict.fromkeys(setting.key[0] for setting in settings):
        key = (id(draft[name]), name)
        if key not in memo:
            layer = tuple(setting for setting in settings if setting.key[0] == name)
            memo[key] = resolve(name, (*draft[name].layers, _by_depth(layer)))
        new[name] = memo[key]
    given = {setting.key for setting in settings}
    for group in RIVALS:
        if given & set(group):
            new |= {key[0]: default(key[0]) for key in group if len(key) == 1 and key not in given}
    return new


def place(draft: Draft, key: sentences.Path, *, of_key: bool = False) -> Place | None:
    """Where a draft's setting is written; None where it is a default."""
    return _place(draft[str(key[0])].layers, key, of_key) if key else None


@cache
def default(name: str) -> State:
    """The state of a field that no setting touches."""
    field = Job.model_fields[name]
    return State((), UNKNOWN if field.is_required() else field.default)


def resolve(name: str, layers: Layers) -> State:
    """The state that settings make, with their mistakes if they make none."""
    raw: dict[str, Any] = {}
    for layer in layers:
        given = {setting.key for setting in layer}
        for key in (key for group in RIVALS if given & set(group) for key in group if key not in given):
            _drop(raw, key)
        for setting in layer:
            _put(raw, setting.key, setting.node.plain)
    try:
        return State(layers, getattr(_one(name).model_validate(raw), name))
    except ValidationError as error:
        found = error.errors(include_url=False)
    except DataError as error:
        here = _located(layers, (name,), False)
        problems = error.problems
        return State(
            layers, UNKNOWN, tuple(Mistake(here, f"{name}: {p.what}", p.allowed, p.fix) for p in problems)
        )

    def locate(path: sentences.Path, of_key: bool) -> Place:
        return _located(layers, path, of_key)

    spelled = _spelled(raw)
    return State(layers, UNKNOWN, tuple(sentences.mistake(each, spelled, locate) for each in found))


class _Field:
    """One field over the points of the product: which dimensions it depends on, and its states so far."""

    def __init__(self, name: str, spec: SweepSpec) -> None:
        self.name, self.unclear = name, name in spec.unclear
        self.fixed = [setting for setting in spec.fixed if setting.key[0] == name]
        self.axes: list[tuple[int, Axis]] = [
            (index, axis)
            for index, axes in enumerate(spec.dimensions)
            for axis in axes
            if axis.key[0] == name
        ]
        self.states: dict[tuple[int, ...], State] = {}

    def at(self, point: tuple[int, ...]) -> State:
        key = tuple(point[index] for index, _ in self.axes)
        if key not in self.states:
            self.states[key] = self._state(point)
        return self.states[key]

    def _state(self, point: tuple[int, ...]) -> State:
        chosen = [Setting(axis.key, axis.values[point[index]], axis.key) for index, axis in self.axes]
        settings = _by_depth((*self.fixed, *chosen))
        state = resolve(self.name, (settings,)) if settings else default(self.name)
        if not self.unclear:
            return state
        # a part that is half known has mistakes that follow from the unknown half
        return replace(state, value=UNKNOWN, mistakes=() if keys.kinds((self.name,)) else state.mistakes)


def _by_depth(settings: tuple[Setting, ...]) -> tuple[Setting, ...]:
    """Whole parts first, then what reaches inside them."""
    return tuple(sorted(settings, key=lambda setting: (len(setting.written), len(setting.key))))


@cache
def _one(name: str) -> type[BaseModel]:
    """The job's field by itself."""
    field = Job.model_fields[name]
    return create_model(f"Only_{name}", __base__=Settings, **{name: (field.annotation, field)})  # type: ignore[call-overload, no-any-return]


def _put(raw: dict[str, Any], key: Key, value: Any) -> None:
    target = raw
    for depth, name in enumerate(key[:-1], start=1):
        target[name] = _open(target.get(name), key[:depth])
        if not isinstance(target[name], dict):
            return  # a plain value holds no settings; its own validation says so
        target = target[name]
    name, old = key[-1], target.get(key[-1])
    if isinstance(value, dict) and "kind" not in value:
        old = _open(old, key)
        target[name] = _merged(old, value) if isinstance(old, dict) else value
    else:
        target[name] = value


def _open(value: Any, key: Key) -> Any:
    """A value as a mapping to reach into: a name becomes the part of that kind, nothing the default part."""
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, str):
        return {"kind": value} if keys.kinds(key) else value
    if value is not None:
        return value
    usual = Job.model_fields[key[0]].default if len(key) == 1 else None
    return {"kind": kind_of(type(usual))} if isinstance(usual, Part) else {}


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        inner = merged.get(name)
        reaches = isinstance(value, dict) and "kind" not in value and isinstance(inner, dict)
        merged[name] = _merged(inner, value) if reaches and isinstance(inner, dict) else value
    return merged


def _drop(raw: dict[str, Any], key: Key) -> None:
    for name in key[:-1]:
        raw = raw.get(name, {}) if isinstance(raw, dict) else {}
    if isinstance(raw, dict):
        raw.pop(key[-1], None)


def _spelled(raw: dict[str, Any]) -> dict[str, Any]:
    """With the name of a part as its kind, which is what pydantic's locations are about."""
    return {
        name: {"kind": value} if isinstance(value, str) and keys.kinds((name,)) else value
        for name, value in raw.items()
    }


def _located(layers: Layers, path: sentences.Path, of_key: bool) -> Place:
    found = _place(layers, path, of_key)
    while found is None:
        path = path[:-1]
        found = _place(layers, path, of_key)
    return found


def _place(layers: Layers, path: sentences.Path, of_key: bool) -> Place | None:
    """The last setting that gives the value at a path, or else one that reaches inside it."""
    settings = [setting for layer in reversed(layers) for setting in reversed(layer)]
    best: tuple[int, Place] | None = None
    for setting in settings:
        size = len(setting.key)
        if path[:size] == setting.key:
            node, depth = setting.node.find(path[size:])
            if best is None or size + depth > best[0]:
                best = size + depth, node.key if of_key else node.place
    if best is not None:
        return best[1]
    inside = [setting.node for setting in settings if setting.key[: len(path)] == path]
    return (inside[-1].key if of_key else inside[-1].place) if inside else None
