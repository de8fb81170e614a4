"""Models as settings: what a spec may ask for, and `build`, which makes the network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from klsweep.errors import Problem, SpecError
from klsweep.part import ByKind, Part
from klsweep.vae import targets

if TYPE_CHECKING:
    from klsweep.vae.networks import Vae

Shape = tuple[int, ...]
Widths = Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(strict=False, min_length=1)]
Width = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["relu", "tanh", "gelu", "silu"]
Values = Literal["quantities", "tokens", "any"]
"""What a model reads: numbers that measure something, numbers of words, or whatever it is given."""


class Linear(Part):
    """Linear encoder and decoder with one constant posterior variance per latent: the closed-form oracle."""

    kind: Literal["linear"] = "linear"
    source: ClassVar[str] = "Lucas et al. 2019, section 4"
    stacks_on_cpu: ClassVar[bool] = True
    stacks_on_gpu: ClassVar[bool] = True
    reads: ClassVar[Values] = "quantities"

    def build(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> "Vae":
        """The network for one model; its initial values come from torch's current generator."""
        from klsweep.vae.networks import LinearVae

        return LinearVae(input_shape, latent_dim, params_per_value)

    def misfit(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> str:  # noqa: ARG002
        """Why the model cannot take data of this shape; empty where it can, as here: any shape is flattened."""
        return ""


class Mlp(Part):
    """Fully connected encoder with layers `hidden`, and a decoder with the same layers reversed."""

    kind: Literal["mlp"] = "mlp"
    source: ClassVar[str] = "Kingma & Welling 2014, appendix C"
    stacks_on_cpu: ClassVar[bool] = True
    stacks_on_gpu: ClassVar[bool] = True
    reads: ClassVar[Values] = "quantities"

    hidden: Widths = Field(default=(400,), description="widths of the encoder's hidden layers")
    activation: Activation = Field(default="relu", description="between the layers")

    def build(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> "Vae":
        """The network for one model; its initial values come from torch's current generator."""
        from klsweep.vae.networks import MlpVae

        return MlpVae(
            input_shape, latent_dim, params_per_value, hidden=self.hidden, activation=self.activation
        )

    def misfit(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> str:  # noqa: ARG002
        """Why the model cannot take data of this shape; empty where it can, as here: any shape is flattened."""
        return ""


class Conv(Part):
    """Strided 4x4 convolutions, halving the image at each of `channels`, one hidden layer, and the mirror."""

    kind: Literal["conv"] = "conv"
    source: ClassVar[str] = "Burgess et al. 2018, appendix A, with as many halvings as the image allows"
    stacks_on_cpu: ClassVar[bool] = False  # stacked they cost more there: see benchmarks/README.md
    stacks_on_gpu: ClassVar[bool] = True
    reads: ClassVar[Values] = "quantities"

    channels: Widths = Field(default=(32, 64), description="channels after each halving of the image")
    hidden: Annotated[int, Field(gt=0)] = Field(
        default=256, description="width of the layer before the latents"
    )
    activation: Activation = Field(default="relu", description="between the layers")

    def build(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> "Vae":
        """The network for one model; its initial values come from torch's current generator."""
        from klsweep.vae.networks import ConvVae

        return ConvVae(
            input_shape,
            latent_dim,
            params_per_value,
            channels=self.channels,
            hidden=self.hidden,
            activation=self.activation,
        )

    def misfit(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> str:  # noqa: ARG002
        """Why the model cannot take data of this shape; empty where it can."""
        if len(input_shape) != 3:
            return f"conv needs images [channels, height, width]; the data are {list(input_shape)}"
        factor = 2 ** len(self.channels)
        if any(side % factor for side in input_shape[1:]):
            return (
                f"{len(self.channels)} halvings need sides divisible by {factor}; the images are "
                f"{input_shape[1]}x{input_shape[2]}"
            )
        return ""


class Lstm(Part):
    """LSTM encoder and decoder of sentences; the decoder has the code at every step, and the words before."""

    kind: Literal["lstm"] = "lstm"
    source: ClassVar[str] = "Bowman et al. 2015, section 3; word dropout: section 3.1"
    stacks_on_cpu: ClassVar[bool] = False  # torch's recurrent layers take no member axis
    stacks_on_gpu: ClassVar[bool] = False
    reads: ClassVar[Values] = "tokens"

    hidden: Width = Field(default=128, description="width of the state, of encoder and decoder")
    embedding: Width = Field(default=128, description="width of the words' vectors, of each its own")
    word_dropout: Share = Field(
        default=0.0, description="chance that a word given to the decoder becomes <unk>"
    )
    dropout: Share = Field(default=0.0, description="of the decoder's word vectors and states, in training")
    plain: bool = Field(
        default=False, description="no encoder and no code: the language model, whose rate is 0"
    )

    def build(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> "Vae":
        """The network for one model; its initial values come from torch's current generator."""
        from klsweep.vae.recurrent import recurrent

        return recurrent(self, (input_shape, latent_dim, params_per_value))

    def misfit(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> str:  # noqa: ARG002
        """Why the model cannot take data of this shape; empty where it can."""
        return _no_sentences("lstm", input_shape)


class Gru(Part):
    """GRU encoder and decoder of sentences, otherwise as `lstm`."""

    kind: Literal["gru"] = "gru"
    source: ClassVar[str] = "Bowman et al. 2015, section 3, with the cell of Cho et al. 2014"
    stacks_on_cpu: ClassVar[bool] = False  # torch's recurrent layers take no member axis
    stacks_on_gpu: ClassVar[bool] = False
    reads: ClassVar[Values] = "tokens"

    hidden: Width = Field(default=128, description="width of the state, of encoder and decoder")
    embedding: Width = Field(default=128, description="width of the words' vectors, of each its own")
    word_dropout: Share = Field(
        default=0.0, description="chance that a word given to the decoder becomes <unk>"
    )
    dropout: Share = Field(default=0.0, description="of the decoder's word vectors and states, in training")
    plain: bool = Field(
        default=False, description="no encoder and no code: the language model, whose rate is 0"
    )

    def build(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> "Vae":
        """The network for one model; its initial values come from torch's current generator."""
        from klsweep.vae.recurrent import recurrent

        return recurrent(self, (input_shape, latent_dim, params_per_value))

    def misfit(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> str:  # noqa: ARG002
        """Why the model cannot take data of this shape; empty where it can."""
        return _no_sentences("gru", input_shape)


class Unigram(Part):
    """One mass function for every place of a sentence, and no code: the floor that a language model starts from."""

    kind: Literal["unigram"] = "unigram"
    source: ClassVar[str] = "the maximum-likelihood unigram: each token's share of the training tokens"
    stacks_on_cpu: ClassVar[bool] = False  # as the others that read sentences
    stacks_on_gpu: ClassVar[bool] = False
    reads: ClassVar[Values] = "tokens"

    def build(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> "Vae":
        """The network for one model, whose tokens are equally likely at its start."""
        from klsweep.vae.recurrent import unigram

        return unigram((input_shape, latent_dim, params_per_value))

    def misfit(self, input_shape: Shape, latent_dim: int, params_per_value: int) -> str:  # noqa: ARG002
        """Why the model cannot take data of this shape; empty where it can."""
        return _no_sentences("unigram", input_shape)


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


Model = Annotated[Linear | Mlp | Conv | Lstm | Gru | Unigram | Custom, ByKind()]


def _no_sentences(kind: str, input_shape: Shape) -> str:
    if len(input_shape) == 1:
        return ""
    return f"{kind} needs sentences [length]; the data are {list(input_shape)}"
