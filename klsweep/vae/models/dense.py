"""Models of numbers: linear, fully connected and convolutional."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from klsweep.part import Part
from klsweep.vae.models.shapes import Activation, Shape, Values, Widths

if TYPE_CHECKING:
    from klsweep.vae.networks import Vae


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
