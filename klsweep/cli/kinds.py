"""Every part a spec can choose, generated from the parts themselves."""

import inspect
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from klsweep.cli.screen import say, say_folded
from klsweep.errors import KlsweepError
from klsweep.part import Part, members
from klsweep.spec import FAMILIES
from klsweep.spec.keys import values

NO_DEFAULT = "required"


def kinds_json(family: str | None) -> dict[str, Any]:
    """Families, kinds, settings with defaults, allowed values and meaning, and sources."""
    return {
        name: {kind: _described(part, name, kind) for kind, part in members(FAMILIES[name]).items()}
        for name in _chosen(family)
    }


def show_kinds(family: str | None) -> None:
    """Print the same for people."""
    for name, kinds in kinds_json(family).items():
        say(name)
        for kind, facts in kinds.items():
            say_folded(f"{kind}: {facts['meaning']}", indent=2)
            for setting, told in facts["settings"].items():
                allowed = f" ({told['allowed']})" if told["allowed"] else ""
                say_folded(f"{setting} = {_written(told['default'])}{allowed}: {told['meaning']}", indent=6)
            if "weight_means" in facts:
                say_folded(f"weight: {facts['weight_means']}", indent=6)
            if "demands" in facts:
                say_folded(f"data: {facts['demands']} (support: {facts['support']})", indent=6)
            for about in ("bias", "cost", "source"):
                if facts.get(about):
                    say_folded(f"{about}: {facts[about]}", indent=6)


def kinds_markdown() -> str:
    """The table of the README: a line for each kind, with what it is."""
    rows = [
        f"| `{family}` | `{kind}` | {_in_a_cell(facts['meaning'])} |"
        for family, kinds in kinds_json(None).items()
        for kind, facts in kinds.items()
    ]
    return "\n".join(["| family | kind | meaning |", "|---|---|---|", *rows])


def _chosen(family: str | None) -> list[str]:
    if family is None:
        return list(FAMILIES)
    if family not in FAMILIES:
        raise KlsweepError(f"kinds {family}: unknown family: allowed: {', '.join(FAMILIES)}")
    return [family]


def _described(part: type[Part], family: str, kind: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "meaning": (inspect.getdoc(part) or "").split("\n\n")[0].replace("\n", " "),
        "settings": {
            name: {
                "default": _default(field),
                "allowed": values((family, name), kind).replace(", or a mapping with `kind`", ""),
                "meaning": field.description or "",
            }
            for name, field in part.model_fields.items()
            if name != "kind"
        },
        "source": part.source,
    }
    more = {
        name: inspect.getattr_static(part, name, None)
        for name in ("weight_means", "demands", "support", "bias", "cost")
    }
    return facts | {name: text for name, text in more.items() if text is not None}


def _default(field: FieldInfo) -> Any:
    if field.default is PydanticUndefined:
        return NO_DEFAULT
    return list(field.default) if isinstance(field.default, tuple) else field.default


def _in_a_cell(text: str) -> str:
    return text.replace("|", "\\|")


def _written(default: Any) -> str:
    """A default as one would write it in a spec."""
    if default is None or default == "":
        return "unset"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
