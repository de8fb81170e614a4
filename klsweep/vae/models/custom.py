"""A model of one's own, as a setting."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from klsweep.errors import Problem, SpecError
from klsweep.part import Part
from klsweep.vae import targets
from klsweep.vae.models.shapes import Shape, Values

if TYPE_CHECKING:
    from klsweep.vae.networks import Vae


class Custom(Part):
    """A torch.nn.Module of your own with encode(x) -> (mean, logvar) and decode(z) -> parameters.

    It is made by Class(input_shape=..., latent_dim=..., params_per_value=..., **args). `x` is [batch, *input_shape];
    mean, logvar and `z` are [batch, latent_dim]; the parameters are [batch, *input_shape], with a last axis
    `params_per_value` where a likelihood needs more than one a value.
    """

    kind: Literal["custom"] = "custom"
    source: ClassVar[str] = "a class of your own"
    stacks_on_cpu: ClassVar[bool] = False  # nothing is known of its cost
    stacks_on_gpu: ClassVar[bool] = False  # nor, before it is built, whether it can be stacked at all
    reads: ClassVar[Values] = "any"

    target: str = Field(pattern=r"^\w+(\.\w+)*:\w+$", description="the class, as package.module:Class")
    args: dict[str, Any] = Field(default={}, description="further arguments of the class, by keyword")
    folder: str = Field(
        default="", exclude=True, description="where the module or package lies; the current folder"
    )
    fingerprint: Annotated[str, Field(pattern=r"^([0-9a-f]{12,64})?$")] = Field(
        default="", description="first hex digits of the SHA-256 of the class's source; filled in by klsweep"
    )

    @model_validator(mode="before")
    @classmethod
    def _found(cls, given: Any) -> Any:
        """With the folder and the fingerprint filled in, once the class is there and takes the arguments."""
        if not isinstance(given, dict):
            return given
        given = {"args": {}, "folder": "", "fingerprint": "", **given}
        if not isinstance(given.get("target"), str) or not isinstance(given["args"], dict):
            return given  # the fields themselves say what is wrong
        folder = Path(str(given["folder"])).expanduser().absolute()
        if ":" not in given["target"]:
            raise ValueError(f"target {given['target']!r} names no class: write package.module:Class")
        found = targets.find_class(given["target"], folder)
        targets.check_arguments(found, given["args"])
        now = targets.fingerprint(found)
        if not now.startswith(str(given["fingerprint"])):
            raise ValueError(
                f"fingerprint: the source is now {now}: allowed: {given['fingerprint']}, as the spec says: bring "
                f"back the source that was meant, or leave fingerprint out to study the new one"
            )
        return {**given, "folder": str(folder), "fingerprint": now}

    @property
    def file(self) -> str:
        """Where the code of the class is."""
        return targets.file_of(targets.find_class(self.target, Path(self.folder)))

    def build(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> "Vae":
        """The network for one model; its initial values come from torch's current generator."""
        from klsweep.vae.adapted import adapted

        shapes = (input_shape, latent_dim, params_per_value)
        return adapted(self._made(shapes), shapes)

    def misfit(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> str:
        """Why the class cannot be made, or what it gives of a wrong shape; empty where it can be trained.

        The class is made and run on a few made-up data, which leaves no trace in torch's generator.
        """
        from klsweep.vae.adapted import misfit

        shapes = (input_shape, latent_dim, params_per_value)
        return misfit(lambda: self._made(shapes), shapes)

    def unstackable(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> str:
        """Why several of these cannot be trained as one; empty where they can."""
        import torch

        from klsweep.vae.adapted import unstackable

        shapes = (input_shape, latent_dim, params_per_value)
        with torch.random.fork_rng(devices=[]):
            return unstackable(self._made(shapes), shapes)

    def _made(self, shapes: tuple[Shape, int, int]) -> Any:
        found = targets.find_class(self.target, Path(self.folder))
        given = dict(zip(targets.GIVEN, shapes, strict=True)) | self.args
        try:
            return found(**given)
        except Exception as error:  # making it runs the user's code, which may raise anything
            call = ", ".join(f"{name}={value!r}" for name, value in given.items())
            what = f"{self.target} cannot be made by {found.__name__}({call}): {targets.raised(error)}"
            raise SpecError([Problem("model.args", what, fix="change args, or the class")]) from error
