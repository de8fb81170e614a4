"""Every part a spec can choose, generated from the parts themselves."""

import inspect
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from klsweep.cli.screen import say
from klsweep.errors import KlsweepError
from klsweep.part import Part, members
from klsweep.spec import FAMILIES


def kinds_json(family: str | None) -> dict[str, Any]:
    """Families, kinds, settings with defaults and meaning, and sources."""
    return {
        name: {kind: _described(part) for kind, part in members(FAMILIES[name]).items()}
        for name in _chosen(family)
    }


def show_kinds(family: str | None) -> None:
    """Print the same for people."""
    for name, kinds in kinds_json(family).items():
        say(name)
        for kind, facts in kinds.items():
            say(f"  {kind}: {facts['meaning']}")
            for setting, about in facts["settings"].items():
                say(f"      {setting} = {about['default']}: {about['meaning']}")
            if facts["source"]:
                say(f"      source: {facts['source']}")


def _chosen(family: str | None) -> list[str]:
    if family is None:
        return list(FAMILIES)
    if family not in FAMILIES:
        raise KlsweepError(f"kinds {family}: unknown family: allowed: {', '.join(FAMILIES)}")
    return [family]


def _described(part: type[Part]) -> dict[str, Any]:
    return {
        "meaning": (inspect.getdoc(part) or "").split("\n\n")[0].replace("\n", " "),
        "settings": {
            name: {"default": _default(field), "meaning": field.description or ""}
            for name, field in part.model_fields.items()
            if name != "kind"
        },
        "source": part.source,
    }


def _default(field: FieldInfo) -> Any:
    if field.default is PydanticUndefined:
        return "required"
    return list(field.default) if isinstance(field.default, tuple) else field.default
