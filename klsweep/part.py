"""Parts: frozen settings whose methods are their mathematics, gathered in families by `kind`.

A family is a union at the foot of its file, and that union is the registry:

    Likelihood = Annotated[Bernoulli | Gaussian | Mse, ByKind()]

`ByKind` makes `bernoulli` short for `{kind: bernoulli}`, picks the class by its `kind`, and writes both
forms into the JSON Schema. Adding a kind is one class and its name in the union.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Settings(BaseModel):
    """Frozen, strict settings: no unknown key, no text read as a number, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Part(Settings):
    """One kind of a family. A concrete part declares `kind: Literal["..."] = "..."` and is never subclassed."""

    source: ClassVar[str] = ""
    """Where the definition comes from, with its equation number."""

    @property
    def label(self) -> str:
        """The part in a table cell: its kind, and each identity setting that is not the default."""
        shown = [
            f"{name}={_short(getattr(self, name))}"
            for name, field in type(self).model_fields.items()
            if name != "kind" and not field.exclude and getattr(self, name) != field.default
        ]
        return f"{kind_of(type(self))}({', '.join(shown)})" if shown else kind_of(type(self))


def kind_of(part: type[Part]) -> str:
    """The name under which a spec asks for this part."""
    return str(part.model_fields["kind"].default)


def members(family: Any) -> dict[str, type[Part]]:
    """Every kind of a family, by name, in the order of its union."""
    union = get_args(family)[0]
    return {kind_of(part): part for part in (get_args(union) or (union,))}


@dataclass(frozen=True)
class ByKind:
    """Annotation of a family's union: choose the class by `kind`; a bare name is short for `{kind: name}`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read a name or a mapping with `kind`; instances pass through."""
        parts = {kind_of(part): part for part in (get_args(source) or (source,))}
        tagged = core_schema.tagged_union_schema(
            {kind: handler.generate_schema(part) for kind, part in parts.items()}, discriminator="kind"
        )
        return core_schema.no_info_before_validator_function(_spell_out, tagged)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Both spellings: the name alone, where every setting has a default, and the mapping."""
        union: Any = schema["schema"]
        return {"anyOf": [{"enum": list(union["choices"])}, handler(union)]}


def _spell_out(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _short(value: Any) -> str:
    if isinstance(value, Part):
        return value.label
    if isinstance(value, dict):
        return " ".join(f"{name}={_short(item)}" for name, item in value.items())
    if isinstance(value, tuple | list):
        return "-".join(_short(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
