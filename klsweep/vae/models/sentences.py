"""Models of sentences: recurrent networks that say a word after the other, and the words' shares alone."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from klsweep.part import Part
from klsweep.vae.models.shapes import Shape, Share, Values, Width

if TYPE_CHECKING:
    from klsweep.vae.networks import Vae


class Recurrent(Part):
    """What recurrent encoders and decoders of sentences have in common, whatever their cell."""

    kind: Literal["lstm", "gru"]
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
        return _no_sentences(self.kind, input_shape)


class Lstm(Recurrent):
    """LSTM encoder and decoder of sentences; the decoder has the code at every step, and the words before."""

    kind: Literal["lstm"] = "lstm"
    source: ClassVar[str] = "Bowman et al. 2015, section 3; word dropout: section 3.1"


class Gru(Recurrent):
    """GRU encoder and decoder of sentences, otherwise as `lstm`."""

    kind: Literal["gru"] = "gru"
    source: ClassVar[str] = "Bowman et al. 2015, section 3, with the cell of Cho et al. 2014"


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


def _no_sentences(kind: str, input_shape: Shape) -> str:
    if len(input_shape) == 1:
        return ""
    return f"{kind} needs sentences [length]; the data are {list(input_shape)}"
